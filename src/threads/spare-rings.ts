/**
 * Rings for threads that come and go. One that nobody uses any more is used again, as memory that threads share is given
 * back only when each of them has collected its garbage, which may be gigabytes later.
 */
import { randomInt } from 'node:crypto';
import { HEAD_WORD, newRing, PARKED_WORD, STARVED_WORD, TAIL_WORD } from '../ring/layout.js';

const MAX_RINGS = 16;
const MAX_BYTES: number = 64 * 2 ** 20;

const FREE = 0;

/** Who has a ring: it is given back once, though both its thread and the one with the tracker may do it. */
export interface Claim {
  readonly index: number;
  /** Unlike that of whoever had it before. */
  readonly token: number;
}

export interface SpareRings {
  readonly rings: readonly SharedArrayBuffer[];
  /** A word for each: `FREE`, or the token of who has it. */
  readonly claims: SharedArrayBuffer;
}

/** Memory that nobody has written to takes no room yet. */
export function newSpareRings(ringBytes: number): SpareRings {
  const count = Math.min(MAX_RINGS, Math.floor(MAX_BYTES / ringBytes));
  const rings = Array.from({ length: count }, () => newRing(ringBytes));
  return { rings, claims: new SharedArrayBuffer(4 * Math.max(1, count)) };
}

/** One that nobody uses; undefined: there is none. */
export function claimRing({ rings, claims }: SpareRings): { ring: SharedArrayBuffer; claim: Claim } | undefined {
  const words = new Int32Array(claims);
  const token = randomInt(1, 2 ** 31);
  for (const [index, ring] of rings.entries()) {
    if (Atomics.compareExchange(words, index, FREE, token) !== FREE) continue;
    const control = new Int32Array(ring);
    // Positions go on from where they were: what was not taken is nobody's any more.
    Atomics.store(control, HEAD_WORD, Atomics.load(control, TAIL_WORD));
    Atomics.store(control, STARVED_WORD, 0);
    Atomics.store(control, PARKED_WORD, 1);
    return { ring, claim: { index, token } };
  }
  return undefined;
}

/** Neither its thread nor the worker looks at it any more. */
export function giveRingBack({ claims }: SpareRings, { index, token }: Claim): void {
  Atomics.compareExchange(new Int32Array(claims), index, token, FREE);
}
