import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c } from '../../src/journal/crc32c.js';

/** Bit by bit, as the polynomial says. */
function reference(data: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of data) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 0 ? sum >>> 1 : (sum >>> 1) ^ 0x82f63b78;
  }
  return ~sum >>> 0;
}

/** RFC 3720, B.4, which prints the sums byte by byte: the lowest first. */
const ISCSI_READ = Uint8Array.from(
  (
    '01c00000 00000000 00000000 00000000 14000000 00000400 00000014 00000018 28000000 00000000 02000000 00000000'.match(
      /[0-9a-f]{2}/g,
    ) ?? []
  ).map((byte) => Number.parseInt(byte, 16)),
);
const vectors: [string, Uint8Array, number][] = [
  ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 bytes going up', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ['32 bytes going down', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ['an iSCSI read command', ISCSI_READ, 0xd9963a56],
  ['123456789', Buffer.from('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(0), 0],
];

test.each(vectors)('the sum of %s is the standard one', (_, data, sum) => {
  expect(crc32c(data)).toBe(sum);
});

test('any bytes, at any offset, have the sum that the polynomial gives', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(40), fc.nat(40), (data, a, b) => {
      const start = Math.min(a, data.length);
      const end = Math.max(start, data.length - b);
      expect(crc32c(data, 0, start, end)).toBe(reference(data.subarray(start, end)));
    }),
    { numRuns: 1000 },
  );
});

test('sums of parts give the sum of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (a, b) => {
      expect(crc32c(b, crc32c(a))).toBe(crc32c(Buffer.concat([a, b])));
    }),
  );
});

test('bytes outside of the data are refused, as undefined would count as zero', () => {
  expect(() => crc32c(new Uint8Array(8), 0, 0, 9)).toThrow(RangeError);
  expect(() => crc32c(new Uint8Array(8), 0, -1, 8)).toThrow(RangeError);
});
