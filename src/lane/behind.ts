import type { Place } from '../journal/reader.js';

/** A run of which something stands in the journal that is not in memory. */
export interface Behind {
  /** Records up to this seq are in memory, have settled, or are lost. */
  readTo: number;
  /** Where its next frame is, or something before that; undefined: not written yet. */
  from: Place | undefined;
  /** Sequence of its last frame, as far as it is known. */
  last: number;
  /** The reader has gone past a frame of it. */
  isMissed: boolean;
  /** A frame of it may be missing before the next one. */
  isDoubtful: boolean;
}
