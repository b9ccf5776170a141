import { expect, test } from 'vitest';
import { LONE_SURROGATE, NUL_CHARACTER, readText, textBound, writeText } from '../../src/ring/text.js';

/** Around 24 units the loop gives way to a native write, around 1024 the bound to a count. */
const LENGTHS = [...Array.from({ length: 41 }, (_, length) => length), 100, 1000, 1022, 1023, 1024, 1025, 1026, 3000];

function written(text: string): { result: number; target: Buffer } {
  const target = Buffer.from(new SharedArrayBuffer(textBound(text) + 16));
  return { result: writeText(target, 8, text), target };
}

test.each(['a', '\x01', '\x7f', '\x80', 'é', '\u07ff', '\u0800', '学', '\uffff', '\ufeff'])(
  'a text of %j of any length comes back as it was, within its bound',
  (unit) => {
    for (const length of LENGTHS) {
      for (const text of [
        unit.repeat(length),
        `${'x'.repeat(Math.max(0, length - 1))}${unit}`,
        `${unit}${'😀'.repeat(length >> 1)}`,
      ]) {
        const { result, target } = written(text);
        expect(result).toBe(Buffer.byteLength(text));
        expect(result).toBeLessThanOrEqual(textBound(text));
        expect(readText(target, 8, 8 + result)).toBe(text);
        // Nothing outside of what was claimed for it.
        expect([...target.subarray(0, 8), ...target.subarray(8 + textBound(text))].every((byte) => byte === 0)).toBe(true);
      }
    }
  },
);

test.each([
  ['a NUL character', '\0', NUL_CHARACTER],
  ['the first half of a surrogate pair', '\ud83d', LONE_SURROGATE],
  ['the second half of a surrogate pair', '\ude00', LONE_SURROGATE],
])('%s is found wherever it stands', (_, flaw, refusal) => {
  for (const length of LENGTHS) {
    for (const at of new Set([0, 1, length >> 1, length - 1, length])) {
      if (at < 0 || at > length) continue;
      for (const unit of ['a', 'é']) {
        const { result, target } = written(unit.repeat(at) + flaw + unit.repeat(length - at));
        if (result !== refusal) expect.fail(`${result} for ${flaw} at ${at} of ${length} × ${unit}`);
        expect([...target.subarray(0, 8)].every((byte) => byte === 0)).toBe(true);
      }
    }
  }
});
