/**
 * Keys repeat (a metric at every step, the same params in many runs): a key that is met a second time is
 * written into shared memory once, and its records carry a small id from then on. The table lives in
 * shared memory, not in messages, so that a worker that takes over a lane knows every id.
 *
 *   byte 0       entries: MAX_KEYS × (offset u32, length u32), entry n for id n + 1
 *   ENTRIES_END  text of the keys, UTF-8, one behind the other
 *
 * An entry is written before the record that first uses it is published, so it needs no fence of its own.
 * The table is bounded: when it is full, a new key travels inside its record.
 */
import { readText, writeText } from './text.js';

/** Index into the table, from 1. 0: the key is not in it. */
export type KeyId = number & { readonly __unit?: 'key id' };
export const INLINE: KeyId = 0;

export const MAX_KEYS = 16_384;
const ENTRY_BYTES = 8;
const ENTRIES_END = MAX_KEYS * ENTRY_BYTES;
/** 64 bytes a key on average; untouched pages cost no memory. */
const TEXT_BYTES = MAX_KEYS * 64;

/** Twice MLflow's 250 code points: a longer key is refused before it is written anywhere. */
export const MAX_KEY_UNITS = 500;

/** Direct-mapped memory of keys met once. One-off keys pass through it and never enter the table. */
const RECENT_KEYS = 1024;

export function newKeyTable(): SharedArrayBuffer {
  return new SharedArrayBuffer(ENTRIES_END + TEXT_BYTES);
}

export class KeyWriter {
  private readonly entries: Int32Array;
  private readonly bytes: Buffer;
  private readonly ids = new Map<string, KeyId>();
  private readonly names: string[] = [''];
  /** For each id the id that was asked for after it: loops log the same keys in the same order. */
  private readonly successors: Int32Array = new Int32Array(MAX_KEYS + 1);
  private readonly recent: string[] = new Array<string>(RECENT_KEYS).fill('');
  private last: KeyId = INLINE;
  private end: number = ENTRIES_END;

  constructor(buffer: SharedArrayBuffer) {
    this.entries = new Int32Array(buffer);
    this.bytes = Buffer.from(buffer);
  }

  /** The key's id, or INLINE. A guessed successor costs 3 ns, a look into the map 15 to 30. */
  id(key: string): KeyId {
    const guess = this.successors[this.last] as KeyId; // `last` is an id, below the array's length
    if (this.names[guess] === key) {
      this.last = guess;
      return guess;
    }
    return this.find(key);
  }

  private find(key: string): KeyId {
    const id = this.ids.get(key) ?? this.meet(key);
    this.successors[this.last] = id;
    this.last = id;
    return id;
  }

  private meet(key: string): KeyId {
    if (typeof key !== 'string' || key.length === 0 || key.length > MAX_KEY_UNITS) return INLINE;
    const place = placeOf(key);
    if (this.recent[place] !== key) {
      this.recent[place] = key;
      return INLINE;
    }
    return this.add(key);
  }

  private add(key: string): KeyId {
    const id = this.names.length;
    if (id > MAX_KEYS || this.end + key.length * 3 > this.bytes.length) return INLINE;
    const length = writeText(this.bytes, this.end, key);
    if (length < 0) return INLINE;
    this.entries[(id - 1) * 2] = this.end;
    this.entries[(id - 1) * 2 + 1] = length;
    this.end += length;
    this.names.push(key);
    this.ids.set(key, id);
    return id;
  }
}

/** Every character counts: names differ at their end (`layer.10`, `layer.20`) as well as in the middle (`layer.10.bias`). */
function placeOf(key: string): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
  return (hash >>> 0) % RECENT_KEYS;
}

export class KeyReader {
  private readonly entries: Int32Array;
  private readonly bytes: Buffer;
  private readonly names: string[] = [''];

  constructor(buffer: SharedArrayBuffer) {
    this.entries = new Int32Array(buffer);
    this.bytes = Buffer.from(buffer);
  }

  /** Text of an id that stood in a published record. */
  name(id: KeyId): string {
    return this.names[id] ?? this.read(id);
  }

  private read(id: KeyId): string {
    // Ids are given in order, but a lane taken over may meet a late one first: fill up to it.
    for (let next = this.names.length; next <= id; next++) {
      const offset = this.entries[(next - 1) * 2] as number; // an id in a record is within the table
      const length = this.entries[(next - 1) * 2 + 1] as number; // as above
      this.names.push(readText(this.bytes, offset, offset + length));
    }
    return this.names[id] as string; // just filled
  }
}
