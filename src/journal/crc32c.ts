/**
 * CRC32C (Castagnoli), as iSCSI (RFC 3720, appendix B.4) has it: reflected polynomial 0x82F63B78, all ones
 * before and after. Sliced by eight: eight bytes a turn, each looked up in a table of its own.
 */

const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;

/** Eight tables in one: entry `256 * s + b` is what byte `b` adds when `s` more bytes follow it in the same turn. */
const TABLE: Int32Array = makeTable();

/** The sum of `data[start..end)`. `seed` is the sum of what came before: `crc32c(b, crc32c(a))` is the sum of a and b together. */
export function crc32c(data: Uint8Array, seed = 0, start = 0, end: number = data.length): number {
  if (start < 0 || end > data.length) throw new RangeError(`bytes ${start} to ${end} of ${data.length}`);
  let sum = ~seed;
  let i = start;
  // Every byte is within `data` by the check above, every entry within the table by its mask: hence the casts.
  for (const last = end - 7; i < last; i += 8) {
    sum ^=
      (data[i] as number) | ((data[i + 1] as number) << 8) | ((data[i + 2] as number) << 16) | ((data[i + 3] as number) << 24);
    sum =
      (TABLE[1792 | (sum & 255)] as number) ^
      (TABLE[1536 | ((sum >>> 8) & 255)] as number) ^
      (TABLE[1280 | ((sum >>> 16) & 255)] as number) ^
      (TABLE[1024 | (sum >>> 24)] as number) ^
      (TABLE[768 | (data[i + 4] as number)] as number) ^
      (TABLE[512 | (data[i + 5] as number)] as number) ^
      (TABLE[256 | (data[i + 6] as number)] as number) ^
      (TABLE[data[i + 7] as number] as number);
  }
  for (; i < end; i++) sum = (TABLE[(sum ^ (data[i] as number)) & 255] as number) ^ (sum >>> 8);
  return ~sum >>> 0;
}

function makeTable(): Int32Array {
  const table = new Int32Array(256 * SLICES);
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 0 ? sum >>> 1 : (sum >>> 1) ^ POLYNOMIAL;
    table[byte] = sum;
  }
  for (let i = 256; i < table.length; i++) {
    const before = table[i - 256] as number; // filled already
    table[i] = (table[before & 255] as number) ^ (before >>> 8); // the first of the eight tables is full
  }
  return table;
}
