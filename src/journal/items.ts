/**
 * Items of a frame, packed by column: keys once each, and of most metrics a byte for the key, eight for the value,
 * one for the step and one for the time.
 *
 *   [keys, heads, values, steps, stamps, texts]
 *   keys      each distinct key, in the order met
 *   heads     per item: 3 * place of its key + what it is (0 param, 1 metric, 2 tag)
 *   values    of metrics: 8 bytes each, as msgpack would make -0 a 0
 *   steps     of metrics: differences, the first from 0; or doubles of 8 bytes each where a difference is not exact
 *   stamps    of metrics: likewise
 *   texts     of params and tags
 */
import { Packr, RESET_BUFFER_MODE } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import type { Item } from '../store/store.js';

const PARAM = 0;
const METRIC = 1;
const TAG = 2;
const KINDS = 3;

type Column = readonly number[] | Uint8Array;

const packr: Packr = new Packr({ useRecords: false });
const unpackr: Unpackr = new Unpackr({ useRecords: false });

/** The bytes are good until the next call. */
export function packItems(items: readonly Item[]): Buffer {
  const places = new Map<string, number>();
  const keys: string[] = [];
  const heads: number[] = [];
  const values: number[] = [];
  const steps: number[] = [];
  const stamps: number[] = [];
  const texts: string[] = [];
  let guess = 0;
  for (const item of items) {
    // Loops log the same keys in the same order: mostly it is the one after the last, and needs no hash.
    let place: number | undefined = guess;
    if (keys[guess] !== item.key) {
      place = places.get(item.key);
      if (place === undefined) {
        place = keys.length;
        places.set(item.key, place);
        keys.push(item.key);
      }
    }
    guess = place + 1 < keys.length ? place + 1 : 0;
    if (item.kind === 'metric') {
      heads.push(place * KINDS + METRIC);
      values.push(item.value);
      steps.push(item.step);
      stamps.push(item.timestamp);
    } else {
      heads.push(place * KINDS + (item.kind === 'param' ? PARAM : TAG));
      texts.push(item.value);
    }
  }
  return packr.pack([keys, heads, doubles(values), differences(steps), differences(stamps), texts], RESET_BUFFER_MODE);
}

/** Throws when the bytes are whole and yet no items: another version wrote them. */
export function unpackItems(bytes: Buffer): Item[] {
  // What `packItems` made: the frame's checksum held.
  const [keys, heads, values, steps, stamps, texts] = unpackr.unpack(bytes) as [
    keys: string[],
    heads: number[],
    values: Column,
    steps: Column,
    stamps: Column,
    texts: string[],
  ];
  const value = reader(values);
  const step = reader(steps);
  const stamp = reader(stamps);
  let text = 0;
  return heads.map((head): Item => {
    const key = present(keys[Math.floor(head / KINDS)]);
    switch (head % KINDS) {
      case METRIC:
        return { kind: 'metric', key, value: value(), timestamp: stamp(), step: step() };
      case PARAM:
        return { kind: 'param', key, value: present(texts[text++]) };
      default:
        return { kind: 'tag', key, value: present(texts[text++]) };
    }
  });
}

function differences(numbers: readonly number[]): Column {
  const column: number[] = [];
  let before = 0;
  for (const number of numbers) {
    const difference = number - before;
    // Beyond 2^53 a difference may not lead back, and msgpack would lose the sign of a -0.
    if (before + difference !== number || (number === 0 && Object.is(number, -0))) return doubles(numbers);
    // msgpackr takes long over an integer that the engine holds as a double.
    const small = difference | 0;
    column.push(small === difference ? small : difference);
    before = number;
  }
  return column;
}

function doubles(numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(numbers.length * 8);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < numbers.length; i++) view.setFloat64(i * 8, numbers[i] as number, true); // within the array
  return bytes;
}

function reader(column: Column): () => number {
  let i = 0;
  if (column instanceof Uint8Array) {
    const view = new DataView(column.buffer, column.byteOffset, column.byteLength);
    return () => view.getFloat64(i++ * 8, true);
  }
  let sum = 0;
  return () => {
    sum += present(column[i++]);
    return sum;
  };
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a column of packed items is too short');
  return value;
}
