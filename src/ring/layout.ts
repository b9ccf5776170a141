/**
 * Ring memory: the only file that knows where a byte of a ring is.
 *
 *   control block, one word per 128 bytes (neighbouring words would share a cache line between cores)
 *   byte   0   tail      u32  written by the producer: every record before it is complete
 *   byte 128   head      u32  written by the consumer: every byte before it may be overwritten
 *   byte 256   parked    i32  1 while the consumer sleeps, or has not begun
 *   byte 384   starved   i32  1 while the producer waits for room
 *   byte 512   records, `capacity` bytes, a power of two
 *
 *   record, at a multiple of 8
 *    0                4
 *   +----------------+------------------------------------------------
 *   | kind | units   | what the kind says (record.ts), zero to 7 bytes of slack
 *   +----------------+------------------------------------------------
 *     8 bits, 24 bits. units = whole length in 8-byte units, header included.
 *     kind 0 is padding: the record did not fit before the end and stands at the beginning.
 *
 * A position counts bytes for ever and is kept as a 32-bit integer that wraps; an index is a position
 * masked into the ring. Positions are compared by their signed difference, so a ring holds at most 2^30
 * bytes.
 */
export const TAIL_WORD = 0;
export const HEAD_WORD = 32;
export const PARKED_WORD = 64;
export const STARVED_WORD = 96;
export const RECORDS_BYTE = 512;

/** Bytes from the beginning of the run-on count; wraps at 2^32, kept as int32. */
export type Position = number & { readonly __unit?: 'ring position' };
/** Byte within the shared buffer, control block included. */
export type Offset = number & { readonly __unit?: 'buffer offset' };

export const NO_ROOM = -1;
export const EMPTY = -1;

export const KIND_PADDING = 0;

const MIN_CAPACITY = 4096;
const MAX_CAPACITY: number = 2 ** 30;

export function isCapacity(bytes: number): boolean {
  return Number.isInteger(bytes) && bytes >= MIN_CAPACITY && bytes <= MAX_CAPACITY && (bytes & (bytes - 1)) === 0;
}

/** True when `position` is at or behind `goal`; the two are less than 2^31 apart. */
export function reached(position: Position, goal: Position): boolean {
  return ((position - goal) | 0) >= 0;
}

/** Lengths are multiples of 8, so that doubles are aligned and padding always has room for its header. */
export function recordBytes(bytes: number): number {
  return (bytes + 7) & ~7;
}

export function header(kind: number, bytes: number): number {
  return (kind << 24) | (bytes >>> 3);
}

export function kindOf(headerWord: number): number {
  return headerWord >>> 24;
}

export function lengthOf(headerWord: number): number {
  return (headerWord & 0xff_ffff) << 3;
}

/** Units have 24 bits. */
const MAX_RECORD_BYTES = 0xff_ffff * 8;

/**
 * Longest record that always finds a place. One of more than half the capacity would fit or not
 * depending on where the ring stands, and could wait for ever.
 */
export function maxRecordBytes(capacity: number): number {
  return Math.min(capacity / 2, MAX_RECORD_BYTES);
}

/** `startAt`: first position; tests begin just below 2^31 and 2^32. It must be a multiple of 8. */
export function newRing(capacity: number, startAt = 0): SharedArrayBuffer {
  if (!isCapacity(capacity)) throw new RangeError(`ring capacity must be a power of two from 4096 to 2^30, got ${capacity}`);
  const buffer = new SharedArrayBuffer(RECORDS_BYTE + capacity);
  const words = new Int32Array(buffer);
  words[TAIL_WORD] = startAt;
  words[HEAD_WORD] = startAt;
  words[PARKED_WORD] = 1;
  return buffer;
}
