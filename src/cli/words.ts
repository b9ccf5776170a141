/** Numbers and names as a person reads them. */

/** Names and messages come from programs: what would move a terminal's cursor is shown as a mark. */
const CONTROL = /\p{Cc}/gu;

export function plain(text: string): string {
  return text.replace(CONTROL, '\ufffd');
}

export function number(value: number): string {
  return value.toLocaleString('en-US');
}

export function amount(count: number, what: string): string {
  return `${number(count)} ${what}${count === 1 ? '' : 's'}`;
}

export function size(bytes: number): string {
  if (bytes < 2 ** 20) return `${number(Math.ceil(bytes / 1024))} KiB`;
  return `${(bytes / 2 ** 20).toLocaleString('en-US', { maximumFractionDigits: 1 })} MiB`;
}
