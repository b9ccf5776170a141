/** The words of a filter or an order, each with its place. */

export interface Token {
  readonly kind: 'word' | 'number' | 'single' | 'double' | 'backtick' | 'symbol' | 'open' | 'end';
  /** Of something quoted: what is inside. */
  readonly text: string;
  /** Index of its first character, and of the one behind it. */
  readonly at: number;
  readonly end: number;
}

const BLANK = /\s+/uy;
/** Keys are bare as far as no other part of a filter could look like them: also `val/loss` and `a-b`. */
const WORD = /[\p{L}\p{M}\p{N}_.\-/:]+/uy;
const NUMBER = /[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?![\p{L}\p{M}\p{N}_.\-/:])/iuy;
/** `==` and `<>` as one, so that they can be named in the error. */
const SYMBOL = /<=|>=|!=|<>|==|[=<>(),]/uy;
const QUOTES: Readonly<Record<string, Token['kind']>> = { "'": 'single', '"': 'double', '`': 'backtick' };

/** The last one is `end`. A quote that is not closed is `open`, with the rest of the text. */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; ; ) {
    at += matched(BLANK, text, at).length;
    const token = at < text.length ? tokenAt(text, at) : ({ kind: 'end', text: '', at, end: at } as const);
    tokens.push(token);
    if (token.kind === 'end') return tokens;
    at = token.end;
  }
}

function tokenAt(text: string, at: number): Token {
  const mark = text.charAt(at);
  const quote = QUOTES[mark];
  if (quote !== undefined) return quoted(text, at, mark, quote);
  const number = matched(NUMBER, text, at);
  if (number !== '') return { kind: 'number', text: number, at, end: at + number.length };
  const word = matched(WORD, text, at);
  if (word !== '') return { kind: 'word', text: word, at, end: at + word.length };
  const symbol = matched(SYMBOL, text, at) || String.fromCodePoint(text.codePointAt(at) ?? 0);
  return { kind: 'symbol', text: symbol, at, end: at + symbol.length };
}

/** The mark itself stands doubled inside, as in SQL. */
function quoted(text: string, at: number, mark: string, kind: Token['kind']): Token {
  for (let from = at + 1; ; ) {
    const close = text.indexOf(mark, from);
    if (close < 0) return { kind: 'open', text: text.slice(at), at, end: text.length };
    if (text.charAt(close + 1) !== mark) {
      return { kind, text: text.slice(at + 1, close).replaceAll(mark + mark, mark), at, end: close + 1 };
    }
    from = close + 2;
  }
}

function matched(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}
