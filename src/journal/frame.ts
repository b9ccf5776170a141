/**
 * Bytes of a journal file: a header, then frames. The only file that knows where a byte is. All numbers are
 * little-endian; docs/journal.md says why each field is there.
 *
 *   file header, 32 bytes
 *    0                 8          10         12         16         20              28         32
 *   +-----------------+----------+----------+----------+----------+---------------+----------+
 *   | 89 HRJ CR LF 1A LF | version | 32 u16  | number   | salt     | first sequence | CRC32C   |
 *   +-----------------+----------+----------+----------+----------+---------------+----------+
 *
 *   frame, at a multiple of 8
 *    0          4          8          12         16               24         28         32
 *   +----------+----------+----------+----------+----------------+----------+----------+---------------
 *   | magic    | CRC32C   | payload  | kind u8, | sequence u64   | first    | last     | payload, zero to
 *   |          | from 8 on| bytes    | run u24  |                | seq u32  | seq u32  | 7 bytes of slack
 *   +----------+----------+----------+----------+----------------+----------+----------+---------------
 */
import { crc32c } from './crc32c.js';

export const FILE_HEADER_BYTES = 32;
export const FRAME_HEADER_BYTES = 32;
export const FORMAT_VERSION = 1;

/** As PNG's: the first byte isn't text, and a copy made in text mode breaks the line ends. */
const FILE_MAGIC = Buffer.from('\x89HRJ\r\n\x1a\n', 'latin1');

/** No byte of it can stand in UTF-8 text, so text of a damaged frame never looks like a frame. */
export const FRAME_MAGIC: Buffer = Buffer.from([0xff, 0xc0, 0xfe, 0xc1]);
const MAGIC_WORD: number = FRAME_MAGIC.readUInt32LE(0);

/** A length beyond it is damage: recovery need not take 4 GiB into memory to find out. */
export const MAX_PAYLOAD_BYTES: number = 64 * 2 ** 20;

export const MAX_RUN: number = 2 ** 24 - 1;

export const Kind = { Opened: 1, Items: 2, Ended: 3, StoreId: 4, Landed: 5, Finished: 6 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export interface FrameHead {
  /** One that this version doesn't know is a whole frame all the same. */
  readonly kind: number;
  readonly run: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export interface FileHead {
  readonly version: number;
  readonly number: number;
  readonly salt: number;
  readonly firstSequence: number;
}

/** What a frame of `length` bytes takes in the file. */
export function withSlack(length: number): number {
  return (length + 7) & ~7;
}

export function frameBytes(payloadBytes: number): number {
  return withSlack(FRAME_HEADER_BYTES + payloadBytes);
}

export function writeFileHead(target: Buffer, { number, salt, firstSequence }: Omit<FileHead, 'version'>): void {
  FILE_MAGIC.copy(target, 0);
  target.writeUInt16LE(FORMAT_VERSION, 8);
  target.writeUInt16LE(FILE_HEADER_BYTES, 10);
  target.writeUInt32LE(number, 12);
  target.writeUInt32LE(salt, 16);
  writeSafeInteger(target, firstSequence, 20);
  target.writeUInt32LE(crc32c(target, 0, 0, 28), 28);
}

/** Undefined: there is none. One of another version is a header too. */
export function readFileHead(source: Buffer): FileHead | undefined {
  if (source.length < FILE_HEADER_BYTES || !source.subarray(0, 8).equals(FILE_MAGIC)) return undefined;
  if (source.readUInt32LE(28) !== crc32c(source, 0, 0, 28)) return undefined;
  return {
    version: source.readUInt16LE(8),
    number: source.readUInt32LE(12),
    salt: source.readUInt32LE(16),
    firstSequence: readSafeInteger(source, 20),
  };
}

/** `target` has room for the whole frame, slack included. */
export function writeFrame(target: Buffer, at: number, head: FrameHead, sequence: number, salt: number, payload: Buffer): void {
  const end = at + FRAME_HEADER_BYTES + payload.length;
  target.writeUInt32LE(MAGIC_WORD, at);
  target.writeUInt32LE(payload.length, at + 8);
  target.writeUInt32LE((head.kind | (head.run << 8)) >>> 0, at + 12);
  writeSafeInteger(target, sequence, at + 16);
  target.writeUInt32LE(head.firstSeq >>> 0, at + 24);
  target.writeUInt32LE(head.lastSeq >>> 0, at + 28);
  payload.copy(target, at + FRAME_HEADER_BYTES);
  target.fill(0, end, at + frameBytes(payload.length));
  target.writeUInt32LE(crc32c(target, salt, at + 8, end), at + 4);
}

/** The frame that begins at `at`, as far as its header tells; undefined: none begins there. The header is within `source`. */
export function frameLength(source: Buffer, at: number): number | undefined {
  if (source.readUInt32LE(at) !== MAGIC_WORD) return undefined;
  const payload = source.readUInt32LE(at + 8);
  return payload > MAX_PAYLOAD_BYTES ? undefined : FRAME_HEADER_BYTES + payload;
}

/** Whether the `length` bytes from `at` on are what was written. */
export function isWhole(source: Buffer, at: number, length: number, salt: number): boolean {
  return source.readUInt32LE(at + 4) === crc32c(source, salt, at + 8, at + length);
}

export function sequenceAt(source: Buffer, at: number): number {
  return readSafeInteger(source, at + 16);
}

export function headAt(source: Buffer, at: number): FrameHead {
  const word = source.readUInt32LE(at + 12);
  return { kind: word & 255, run: word >>> 8, firstSeq: source.readUInt32LE(at + 24), lastSeq: source.readUInt32LE(at + 28) };
}

function writeSafeInteger(target: Buffer, value: number, at: number): void {
  target.writeUInt32LE(value >>> 0, at);
  target.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}

function readSafeInteger(source: Buffer, at: number): number {
  return source.readUInt32LE(at) + source.readUInt32LE(at + 4) * 2 ** 32;
}
