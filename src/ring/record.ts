/**
 * What stands in a record. Written by the caller's thread, read by the lane's worker.
 *
 *   all records     0 header   4 run slot u32   8 key u32   12 seq u32 (low half)
 *
 *   Metric         16 value f64   24 step i32   28 stamp u32 (ms since the lane's epoch)
 *   MetricWide     16 value f64   24 step f64   32 timestamp f64 (ms since 1970)
 *   Number, Date   16 f64
 *   Literal        16 f64: 0 null, 1 false, 2 true
 *   all others     16 text bytes u32   20 key bytes u32   24 text   then key
 *
 * Key: its id; of a param besides, in the upper 16 bits, which of its separators stand within a name. Id 0: the
 * key stands in the record; in the fixed kinds behind the fixed part, as length u32 and text. Kinds without a
 * key (Config, Run, End) have id 0 and no key bytes.
 */

import type { InnerSeparators } from '../params/inner-separators.js';
import type { RingConsumer } from './consumer.js';
import { INLINE, type KeyId } from './key-table.js';
import { kindOf, maxRecordBytes, NO_ROOM, type Offset, recordBytes } from './layout.js';
import type { RingProducer } from './producer.js';
import { LONE_SURROGATE, readText, textBound, writeText } from './text.js';

export const Kind = {
  Metric: 1,
  MetricWide: 2,
  Number: 3,
  Date: 4,
  Literal: 5,
  Text: 6,
  /** Digits of a bigint. */
  Digits: 7,
  /** A packed Tree. */
  Tree: 8,
  Tag: 9,
  Config: 10,
  Run: 11,
  End: 12,
  /** A packed NamedTree: a param whose names 16 bits don't tell. */
  NamedTree: 13,
  // The other way, from the worker to the caller's thread (lane/verdict-record.ts).
  Failed: 32,
  Down: 33,
  Up: 34,
  Notice: 35,
  /** An error of no record. */
  Trouble: 37,
  Created: 36,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export const Literal = { Null: 0, False: 1, True: 2 } as const;

export const METRIC_BYTES = 32;
const METRIC_WIDE_BYTES = 40;
const SCALAR_BYTES = 24;
const TEXT_START = 24;
/** Ids end at MAX_KEYS, which is less. */
const KEY_ID_BITS = 16;
const KEY_ID_MASK = 0xffff;

/** Place of a run in its lane's run table. */
export type RunSlot = number & { readonly __unit?: 'run slot' };

/** Why a record was not written. Zero and above: it was, and stands there, unpublished. */
export const TOO_LARGE = -4;
export const KEY_LONE_SURROGATE = -5;
export const KEY_NUL_CHARACTER = -6;
export type Written = number;

function writeHead(ring: RingProducer, offset: Offset, run: RunSlot, key: number, seq: number): void {
  const word = offset >> 2;
  ring.words[word + 1] = run;
  ring.words[word + 2] = key;
  ring.words[word + 3] = seq;
}

/** The hot one: known key, step within 32 bits, time from the lane's clock. */
export function writeMetric(
  ring: RingProducer,
  run: RunSlot,
  key: KeyId,
  seq: number,
  value: number,
  step: number,
  stamp: number,
): Written {
  const offset = ring.claim(Kind.Metric, METRIC_BYTES);
  if (offset === NO_ROOM) return NO_ROOM;
  writeHead(ring, offset, run, key, seq);
  ring.doubles[(offset >> 3) + 2] = value;
  const word = offset >> 2;
  ring.words[word + 6] = step;
  ring.words[word + 7] = stamp;
  return offset;
}

/** A number param with a known key: hot as well. */
export function writeNumber(ring: RingProducer, run: RunSlot, key: KeyId, seq: number, value: number): Written {
  const offset = ring.claim(Kind.Number, SCALAR_BYTES);
  if (offset === NO_ROOM) return NO_ROOM;
  writeHead(ring, offset, run, key, seq);
  ring.doubles[(offset >> 3) + 2] = value;
  return offset;
}

export function writeMetricWide(
  ring: RingProducer,
  run: RunSlot,
  id: KeyId,
  key: string,
  seq: number,
  value: number,
  step: number,
  timestamp: number,
): Written {
  const offset = claimFixed(ring, Kind.MetricWide, METRIC_WIDE_BYTES, id, key);
  if (offset < 0) return offset;
  writeHead(ring, offset, run, id, seq);
  const double = offset >> 3;
  ring.doubles[double + 2] = value;
  ring.doubles[double + 3] = step;
  ring.doubles[double + 4] = timestamp;
  return offset;
}

/** Number, Date and Literal. */
export function writeScalar(
  ring: RingProducer,
  kind: Kind,
  run: RunSlot,
  id: KeyId,
  key: string,
  seq: number,
  value: number,
  inner: InnerSeparators = 0,
): Written {
  const offset = claimFixed(ring, kind, SCALAR_BYTES, id, key);
  if (offset < 0) return offset;
  writeHead(ring, offset, run, id | (inner << KEY_ID_BITS), seq);
  ring.doubles[(offset >> 3) + 2] = value;
  return offset;
}

/** Kinds that carry text. `key` is used when `id` is INLINE. */
export function writeTextRecord(
  ring: RingProducer,
  kind: Kind,
  run: RunSlot,
  id: KeyId,
  key: string,
  seq: number,
  text: string,
  inner: InnerSeparators = 0,
): Written {
  const keyBound = id === INLINE ? textBound(key) : 0;
  let claimed = recordBytes(TEXT_START + textBound(text) + keyBound);
  if (claimed > maxRecordBytes(ring.capacity)) {
    // Counted, as the bound is three bytes for every unit: in a small ring it would refuse what has room.
    claimed = recordBytes(TEXT_START + Buffer.byteLength(text) + (id === INLINE ? Buffer.byteLength(key) : 0));
    if (claimed > maxRecordBytes(ring.capacity)) return tooLarge(ring, claimed);
  }
  const offset = ring.claim(kind, claimed);
  if (offset === NO_ROOM) return NO_ROOM;
  const textBytes = writeText(ring.bytes, offset + TEXT_START, text);
  if (textBytes < 0) return giveUp(ring, textBytes);
  return finish(ring, kind, offset, claimed, run, id, key, seq, textBytes, inner);
}

/** Kinds that carry bytes of somebody else's format. */
export function writeBytesRecord(
  ring: RingProducer,
  kind: Kind,
  run: RunSlot,
  id: KeyId,
  key: string,
  seq: number,
  bytes: Uint8Array,
  inner: InnerSeparators = 0,
): Written {
  const keyBound = id === INLINE ? textBound(key) : 0;
  const claimed = recordBytes(TEXT_START + bytes.length + keyBound);
  if (claimed > maxRecordBytes(ring.capacity)) return tooLarge(ring, claimed);
  const offset = ring.claim(kind, claimed);
  if (offset === NO_ROOM) return NO_ROOM;
  ring.bytes.set(bytes, offset + TEXT_START);
  return finish(ring, kind, offset, claimed, run, id, key, seq, bytes.length, inner);
}

function finish(
  ring: RingProducer,
  kind: Kind,
  offset: Offset,
  claimed: number,
  run: RunSlot,
  id: KeyId,
  key: string,
  seq: number,
  textBytes: number,
  inner: InnerSeparators,
): Written {
  let keyBytes = 0;
  if (id === INLINE) {
    keyBytes = writeText(ring.bytes, offset + TEXT_START + textBytes, key);
    if (keyBytes < 0) return giveUp(ring, keyOf(keyBytes));
  }
  writeHead(ring, offset, run, id | (inner << KEY_ID_BITS), seq);
  const word = offset >> 2;
  ring.words[word + 4] = textBytes;
  ring.words[word + 5] = keyBytes;
  ring.trim(offset, kind, claimed, recordBytes(TEXT_START + textBytes + keyBytes));
  return offset;
}

/** Room for a fixed kind, with its key written behind it when it is not in the table. */
function claimFixed(ring: RingProducer, kind: Kind, fixed: number, id: KeyId, key: string): Written {
  if (id !== INLINE) return ring.claim(kind, fixed);
  const claimed = recordBytes(fixed + 4 + textBound(key));
  const offset = ring.claim(kind, claimed);
  if (offset === NO_ROOM) return NO_ROOM;
  const keyBytes = writeText(ring.bytes, offset + fixed + 4, key);
  if (keyBytes < 0) return giveUp(ring, keyOf(keyBytes));
  ring.words[(offset + fixed) >> 2] = keyBytes;
  ring.trim(offset, kind, claimed, recordBytes(fixed + 4 + keyBytes));
  return offset;
}

function tooLarge(ring: RingProducer, needed: number): Written {
  ring.lacking = needed;
  return TOO_LARGE;
}

function giveUp(ring: RingProducer, why: number): Written {
  ring.abandon();
  return why;
}

function keyOf(problem: number): Written {
  return problem === LONE_SURROGATE ? KEY_LONE_SURROGATE : KEY_NUL_CHARACTER;
}

/** Reads the fields of the record at an offset that `RingConsumer.next` returned. */
export class RecordReader {
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly bytes: Buffer;

  constructor(ring: RingConsumer) {
    this.words = ring.words;
    this.doubles = ring.doubles;
    this.bytes = ring.bytes;
  }

  kind(offset: Offset): Kind {
    return kindOf(this.word(offset, 0)) as Kind; // only our own producer writes headers
  }

  run(offset: Offset): RunSlot {
    return this.word(offset, 1);
  }

  keyId(offset: Offset): KeyId {
    return this.word(offset, 2) & KEY_ID_MASK;
  }

  inner(offset: Offset): InnerSeparators {
    return this.word(offset, 2) >>> KEY_ID_BITS;
  }

  /** Low 32 bits, unsigned. */
  seq(offset: Offset): number {
    return this.word(offset, 3) >>> 0;
  }

  /** The f64 of Number, Date, Literal, and a metric's value. */
  value(offset: Offset): number {
    return this.double(offset, 2);
  }

  metricStep(offset: Offset): number {
    return this.word(offset, 6);
  }

  /** Milliseconds since the lane's epoch. */
  metricStamp(offset: Offset): number {
    return this.word(offset, 7) >>> 0;
  }

  wideStep(offset: Offset): number {
    return this.double(offset, 3);
  }

  wideTimestamp(offset: Offset): number {
    return this.double(offset, 4);
  }

  text(offset: Offset): string {
    const start = offset + TEXT_START;
    return readText(this.bytes, start, start + this.word(offset, 4));
  }

  /** A copy: the record's bytes are overwritten once it is released. */
  copyBytes(offset: Offset): Uint8Array {
    const start = offset + TEXT_START;
    return Uint8Array.prototype.slice.call(this.bytes, start, start + this.word(offset, 4));
  }

  /** The key that stands in the record itself. */
  inlineKey(offset: Offset): string {
    switch (this.kind(offset)) {
      case Kind.Metric:
        return this.keyBehind(offset + METRIC_BYTES);
      case Kind.MetricWide:
        return this.keyBehind(offset + METRIC_WIDE_BYTES);
      case Kind.Number:
      case Kind.Date:
      case Kind.Literal:
        return this.keyBehind(offset + SCALAR_BYTES);
      default: {
        const start = offset + TEXT_START + this.word(offset, 4);
        return readText(this.bytes, start, start + this.word(offset, 5));
      }
    }
  }

  private keyBehind(fixedEnd: number): string {
    const length = this.words[fixedEnd >> 2] as number; // within the record
    return readText(this.bytes, fixedEnd + 4, fixedEnd + 4 + length);
  }

  private word(offset: Offset, index: number): number {
    return this.words[(offset >> 2) + index] as number; // within the record
  }

  private double(offset: Offset, index: number): number {
    return this.doubles[(offset >> 3) + index] as number; // within the record
  }
}
