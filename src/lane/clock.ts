/**
 * A coarse clock for metric timestamps: `Date.now()` costs as much as the rest of the record. While the
 * worker is awake it writes the time into shared memory at least every millisecond or so; while it sleeps
 * or may be blocked in a store it says so with 0, and the caller reads the real clock.
 *
 * Times are milliseconds since the lane's epoch, unsigned 32 bits: 49 days. Outside of that (or with the
 * system clock set back behind the epoch) `stamp` returns 0 and the record carries the whole time.
 */
import { Signal } from './signals.js';

/**
 * The worker may be off the processor, so its clock is held against the real one: at the first uses of each
 * value, and at every so many further ones. A steady loop of a call per 0.1 ms or slower has gone past the
 * tolerance within the first uses of a value that stands still; in a faster one so many uses take 3 ms.
 */
const CHECK_EVERY = 256;
const TOLERANCE_MS = 2;
/** As far as time may seem to run backwards by that, and the stamp stands still instead. */
const BACKWARDS_MS = 8;
const LIMIT_MS: number = 2 ** 32;

export class CallerClock {
  private readonly signals: Int32Array;
  private readonly epoch: number;
  /** A value of the worker's clock, and how often it has been used since it was seen first. */
  private seen = 0;
  private uses = 0;
  /** The last stamp given: within the clock's tolerance time must not run backwards, or the older of two metrics of one step would be the latest. */
  private last = -1;

  constructor(signals: Int32Array, epoch: number) {
    this.signals = signals;
    this.epoch = epoch;
  }

  /** Milliseconds since the epoch, at most 5 ms old, as int32 bits; 0: ask `read`. Small, so that the whole logging call is inlined. */
  stamp(): number {
    const kept = this.signals[Signal.Clock] as number; // a fixed word
    // In a loop nearly every call is of the same millisecond as the one before.
    return kept === this.seen && kept !== 0 && ++this.uses > CHECK_EVERY && (this.uses & (CHECK_EVERY - 1)) !== 0 ? this.last : 0;
  }

  /** The same by the real clock; 0: it does not fit, use `Date.now()`. */
  read(): number {
    const kept = this.signals[Signal.Clock] as number; // a fixed word
    const elapsed = Date.now() - this.epoch;
    if (elapsed <= 0 || elapsed >= LIMIT_MS) return 0;
    const now = elapsed | 0;
    if (kept === 0 || Math.abs((now - kept) | 0) > TOLERANCE_MS) {
      this.seen = 0;
      this.uses = 0;
    } else if (kept !== this.seen) {
      this.seen = kept;
      this.uses = 0;
    }
    return this.forward(now);
  }

  private forward(now: number): number {
    const step = (now - this.last) | 0;
    if (step < 0 && step >= -BACKWARDS_MS) return this.last;
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

  /** Milliseconds since the epoch, never 0. */
  now(): number {
    return (Date.now() - this.epoch) | 0 || 1;
  }

  /** The clock stands still from here on. */
  off(): void {
    Atomics.store(this.signals, Signal.Clock, 0);
  }
}
