/** Colours, where they help somebody who looks: on a terminal, or when FORCE_COLOR asks for them. */

type Paint = (text: string) => string;

export interface Colours {
  readonly bold: Paint;
  readonly faint: Paint;
  readonly good: Paint;
  readonly bad: Paint;
  readonly notable: Paint;
}

/** https://no-color.org; FORCE_COLOR wins over it, as in Node itself. */
export function coloursFor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Colours {
  const forced = env['FORCE_COLOR'];
  const isOn =
    forced !== undefined
      ? !/^(?:0|false)$/.test(forced)
      : stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  const paint = (open: number, close: number): Paint =>
    isOn ? (text) => `\u001b[${open}m${text}\u001b[${close}m` : (text) => text;
  return { bold: paint(1, 22), faint: paint(2, 22), good: paint(32, 39), bad: paint(31, 39), notable: paint(33, 39) };
}
