/** Numbers and names as a person reads them. */

/** Names and messages come from programs: what would move a terminal's cursor is shown as a mark. */
const CONTROL = /\p{Cc}/gu;

export function plain(text: string): string {
  return text.replace(CONTROL, '\ufffd');
}

export function number(value: number): string {
  return value.toLocaleString('en-US');
}

/** Shorter where that says as much to a person. */
export function figure(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

export function amount(count: number, what: string): string {
  return `${number(count)} ${what}${count === 1 ? '' : 's'}`;
}

export function size(bytes: number): string {
  if (bytes < 2 ** 20) return `${number(Math.ceil(bytes / 1024))} KiB`;
  const [unit, name] = bytes < 2 ** 30 ? [2 ** 20, 'MiB'] : [2 ** 30, 'GiB'];
  return `${(bytes / unit).toLocaleString('en-US', { maximumFractionDigits: 1 })} ${name}`;
}

export function cut(text: string, letters: number): string {
  const all = [...text];
  return all.length > letters ? `${all.slice(0, letters - 1).join('')}…` : text;
}

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
];

/** In the largest unit that it has two of, or one: `90 s`, `3 h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const [name, unit] = UNITS.find(([, each]) => ms >= 2 * each) ?? ['s', 1000];
  return `${number(Math.floor(ms / unit))} ${name}`;
}
