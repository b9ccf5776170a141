/**
 * A coarse clock for metric timestamps: `Date.now()` costs as much as the rest of the record. While the
 * worker is awake it writes the time into shared memory at least every millisecond or so; while it sleeps
 * or may be blocked in a store it says so with 0, and the caller reads the real clock.
 *
 * Times are milliseconds since the lane's epoch, unsigned 32 bits: 49 days. Outside of that (or with the
 * system clock set back behind the epoch) `stamp` returns 0 and the record carries the whole time.
 */
import { Signal } from './signals.js';

/** The worker may be off the processor: every so many calls its clock is held against the real one (1.4 ns a call). */
const CHECK_EVERY = 32;
const TOLERANCE_MS = 4;
const LIMIT_MS: number = 2 ** 32;
/** No stamp: the worker never writes it, as 0 is what it writes for `off`. */
const NEVER = 0.5;

export class CallerClock {
  private readonly signals: Int32Array;
  private readonly epoch: number;
  /** A value of the worker's clock that was found too old: not believed until it changes. */
  private stale = 0;
  /** The last stamp given: within the clock's tolerance time must not run backwards, or the older of two metrics of one step would be the latest. */
  private last = NEVER;

  constructor(signals: Int32Array, epoch: number) {
    this.signals = signals;
    this.epoch = epoch;
  }

  /** Milliseconds since the epoch, at most 5 ms old, as int32 bits; 0: use `Date.now()`. `seq` counts the calls. */
  stamp(seq: number): number {
    const kept = this.signals[Signal.Clock] as number; // a fixed word
    // In a loop nearly every call is of the same millisecond as the one before.
    return kept === this.last && (seq & (CHECK_EVERY - 1)) !== 0 ? kept : this.look(kept, seq);
  }

  private look(kept: number, seq: number): number {
    const due = (seq & (CHECK_EVERY - 1)) === 0;
    return kept === 0 || kept === this.stale || due ? this.read(kept) : this.forward(kept);
  }

  private read(kept: number): number {
    const elapsed = Date.now() - this.epoch;
    if (elapsed <= 0 || elapsed >= LIMIT_MS) return 0;
    const now = elapsed | 0;
    if (kept !== 0 && Math.abs((now - kept) | 0) > TOLERANCE_MS) this.stale = kept;
    return this.forward(now);
  }

  private forward(now: number): number {
    if (this.last !== NEVER) {
      const step = (now - this.last) | 0;
      if (step < 0 && step >= -TOLERANCE_MS * 2) return this.last;
    }
    this.last = now;
    return now;
  }
}

/** The worker's side. */
export class LaneClock {
  private readonly signals: Int32Array;
  private readonly epoch: number;

  constructor(signals: Int32Array, epoch: number) {
    this.signals = signals;
    this.epoch = epoch;
  }

  /** Writes the time, also as sign of life. */
  tick(): void {
    const elapsed = Date.now() - this.epoch;
    this.signals[Signal.Clock] = elapsed > 0 && elapsed < LIMIT_MS ? elapsed : 0;
    Atomics.store(this.signals, Signal.Pulse, elapsed);
  }

  /** The clock stands still from here on. */
  off(): void {
    Atomics.store(this.signals, Signal.Clock, 0);
  }
}
