/**
 * Words that the two ends of a lane share besides the ring. Messages would do for most of them, but
 * neither end may need the other's event loop: a training loop can be one long synchronous turn, and an
 * exit hook has no turns at all. One word per 128 bytes where both sides write often.
 */
export const Signal = {
  /** Worker: milliseconds since the lane's epoch, kept within 5 ms; 0: read the clock yourself. */
  Clock: 0,
  /** Worker: milliseconds since the lane's epoch of its last sign of life. */
  Pulse: 32,
  /** Worker: one of `WorkerState`. */
  State: 64,
  /** Worker: counts whatever settled or became durable; the caller's thread sleeps on it where it must wait in place. */
  Settled: 96,
  /** Caller: 1 while its thread sleeps on `Settled`. */
  Watching: 128,
  /** Caller: 1 when it wants a message at the next settlement. */
  Bell: 160,
  /** Caller: 1 while somebody waits for a flush: batches don't linger. */
  Urgent: 192,
  /** Caller: one of `StopRequest`. */
  Stop: 224,
  /** Worker: counters for `stats()`. */
  Batches: 256,
  Retries: 257,
  /** Worker: since when the store takes nothing, in milliseconds since the lane's epoch; 0: it takes what it gets. */
  DownSince: 288,
  /** Caller, or who has the tracker: the runs that are open here end, one of `Dismissal`, and nothing more is taken. */
  Dismissed: 320,
} as const;

const SIGNAL_BYTES = 1408;

export const WorkerState = {
  NotStarted: 0,
  /** In its loop, or parked in it. */
  Running: 1,
  /** In a call of the store that may block the thread: no sign of life is expected. */
  InStore: 2,
  Closed: 3,
  /** It died too often; there will be no other. */
  Broken: 4,
} as const;

export const StopRequest = {
  None: 0,
  /** Land what is there, then close the store and end the loop. */
  Finish: 1,
  /** Close the store as soon as no call of it runs. */
  GiveUp: 2,
} as const;

/** How runs end whose thread can't end them. */
export const Dismissal = { None: 0, FINISHED: 1, FAILED: 2, KILLED: 3 } as const;

export function newSignals(): SharedArrayBuffer {
  return new SharedArrayBuffer(SIGNAL_BYTES);
}
