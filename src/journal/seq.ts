import { reached } from '../ring/layout.js';
import type { FrameHead } from './frame.js';

/** What must have landed before a frame has: a record that goes on in the next frame has not ended in this one. */
export function neededSeq({ firstSeq, lastSeq }: Pick<FrameHead, 'firstSeq' | 'lastSeq'>): number {
  return reached(lastSeq, firstSeq) ? lastSeq : firstSeq;
}

/** The later of two seqs of a run. They wrap at 2^32 and are less than 2^31 apart. */
export function laterSeq(one: number | undefined, other: number): number {
  return one === undefined || reached(other, one) ? other : one;
}
