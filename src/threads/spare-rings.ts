/**
 * Rings for threads that come and go. One that nobody uses any more is used again, as memory that threads share is given
 * back only when each of them has collected its garbage, which may be gigabytes later.
 */
import { randomInt } from 'node:crypto';
import { type Claim, type InletMemory, newInletMemory } from '../lane/task.js';
import { HEAD_WORD, newRing, PARKED_WORD, STARVED_WORD, TAIL_WORD } from '../ring/layout.js';

const MAX_RINGS = 16;
const MAX_BYTES: number = 64 * 2 ** 20;

const FREE = 0;

/** A ring and what goes with it. Signals are new for each thread: the one before may still look whether it has been let go. */
type SpareMemory = Omit<InletMemory, 'signals' | 'epoch'>;

export interface SpareRings {
  readonly rings: readonly SpareMemory[];
  /** A word for each: `FREE`, or the token of who has it. */
  readonly claims: SharedArrayBuffer;
}

/** Memory that nobody has written to takes no room yet. */
export function newSpareRings(ringBytes: number): SpareRings {
  const count = Math.min(MAX_RINGS, Math.floor(MAX_BYTES / ringBytes));
  const rings = Array.from({ length: count }, () => spare(ringBytes));
  return { rings, claims: new SharedArrayBuffer(4 * Math.max(1, count)) };
}

/** One that nobody uses; undefined: there is none. */
export function claimRing({ rings, claims }: SpareRings): { memory: SpareMemory; claim: Claim } | undefined {
  const words = new Int32Array(claims);
  const token = randomInt(1, 2 ** 31);
  for (const [index, memory] of rings.entries()) {
    if (Atomics.compareExchange(words, index, FREE, token) !== FREE) continue;
    for (const ring of [memory.ring, memory.verdicts]) emptied(ring);
    new Int32Array(memory.runs).fill(0);
    return { memory, claim: { index, token } };
  }
  return undefined;
}

function spare(ringBytes: number): SpareMemory {
  const { ring, verdicts, keys, runs } = newInletMemory(newRing(ringBytes), 0);
  return { ring, verdicts, keys, runs };
}

/** Positions go on from where they were: what was not taken is nobody's any more. */
function emptied(ring: SharedArrayBuffer): void {
  const control = new Int32Array(ring);
  Atomics.store(control, HEAD_WORD, Atomics.load(control, TAIL_WORD));
  Atomics.store(control, STARVED_WORD, 0);
  Atomics.store(control, PARKED_WORD, 1);
}

/** Neither its thread nor the worker looks at it any more. */
export function giveRingBack({ claims }: SpareRings, { index, token }: Claim): void {
  Atomics.compareExchange(new Int32Array(claims), index, token, FREE);
}
