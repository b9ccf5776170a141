/** Reads tokens one after the other, and knows how to complain about one. */

import { FilterError, quote } from '../../errors.js';
import { nearest } from '../../nearest.js';
import { ATTRIBUTES, ENTITIES, OTHER_ATTRIBUTES } from './names.js';
import { type Token, tokensOf } from './tokens.js';
import type { Operand } from './tree.js';

const OPERAND = 'params.KEY, metrics.KEY, tags.KEY or an attribute such as status; other keys in backticks: params.`my key`';

export class TokenReader {
  private readonly part: 'filter' | 'orderBy';
  private readonly text: string;
  private readonly tokens: readonly Token[];
  private index = 0;

  constructor(part: 'filter' | 'orderBy', text: string) {
    this.part = part;
    this.text = text;
    this.tokens = tokensOf(text);
  }

  /** Not taken yet. */
  get next(): Token {
    return this.tokens[this.index] as Token; // the last one, `end`, is never passed
  }

  isAtEnd(): boolean {
    return this.next.kind === 'end';
  }

  take(): Token {
    const token = this.next;
    if (token.kind !== 'end') this.index++;
    return token;
  }

  takeSymbol(...symbols: readonly string[]): string | undefined {
    const { kind, text } = this.next;
    if (kind !== 'symbol' || !symbols.includes(text)) return undefined;
    this.index++;
    return text;
  }

  /** In capitals or not. */
  takeWord(...words: readonly string[]): string | undefined {
    const { kind, text } = this.next;
    const word = text.toUpperCase();
    if (kind !== 'word' || !words.includes(word)) return undefined;
    this.index++;
    return word;
  }

  takeOperand(): Operand {
    const token = this.take();
    if (token.kind === 'double' || token.kind === 'backtick') return this.attribute(token, token.text);
    if (token.kind !== 'word') throw this.error(token, OPERAND);
    const dot = token.text.indexOf('.');
    if (dot < 0) return this.attribute(token, token.text);
    const entity = token.text.slice(0, dot);
    const of = ENTITIES.get(entity);
    if (of === undefined) {
      throw this.error(token, 'params, metrics, tags or attributes before the dot', nearest(entity, [...ENTITIES.keys()]));
    }
    const key = token.text.slice(dot + 1) || this.quotedKey(token);
    return of === 'attributes' ? this.attribute(token, key) : { of, key };
  }

  error(token: Token, expected: string, perhaps?: string): FilterError {
    const shown = quote(this.text.slice(token.at, token.end));
    const found = token.kind === 'end' ? 'its end' : token.kind === 'open' ? `${shown}, a quote without its end` : shown;
    return new FilterError({ part: this.part, text: this.text, position: token.at + 1, found, expected, nearest: perhaps });
  }

  /** Behind the dot of `params.`, without a blank. */
  private quotedKey(before: Token): string {
    const { kind, text, at } = this.next;
    if (at === before.end && (kind === 'double' || kind === 'backtick')) {
      this.index++;
      return text;
    }
    throw this.error(this.next, `a key right behind ${quote(before.text)}, bare, in backticks or in double quotes`);
  }

  private attribute(token: Token, name: string): Operand {
    const operand = ATTRIBUTES.get(name) ?? OTHER_ATTRIBUTES.get(name);
    if (operand !== undefined) return operand;
    const known = [...ATTRIBUTES.keys()];
    const others = /^[\w-]+$/.test(name) ? `, or params.${name}, metrics.${name} or tags.${name}` : '';
    throw this.error(token, `an attribute (${known.join(', ')})${others}`, nearest(name, known));
  }
}
