import { setMaxListeners } from 'node:events';
import { StoreUnavailableError } from '../errors.js';
import type { RetryPolicy } from '../options.js';
import type { StoreBusyError } from '../store/store.js';
import { Backoff, wantedPauseMs } from './backoff.js';

/** What the gate remembers of a call that has to come again. */
export class Passage {
  isProbe = false;
  /** How often the gate had opened when the call was let through. */
  openings: number;
  /** How many answers other calls had had when it failed last; undefined: it has not. */
  answersAtFailure: number | undefined;
  /** Of a call that fails by itself, while the store takes others. */
  backoff: Backoff | undefined;
  pauseMs = 0;

  constructor(openings: number) {
    this.openings = openings;
  }
}

interface Waiting {
  readonly admit: (isProbe: boolean) => void;
  readonly refuse: (error: unknown) => void;
}

/**
 * A gate in front of the store. As long as the store takes calls it is open and costs nothing; at the first
 * that the store can't take it closes, for all runs. Then one call at a time is let through as a probe, and
 * one that fails again goes to the end of the line: a batch that no server would ever take does not keep
 * other runs out. The first probe that is answered opens the gate.
 */
export class Outage {
  private readonly storeName: string;
  private readonly policy: RetryPolicy;
  private readonly endless: boolean;
  private readonly signal: AbortSignal;
  /** Exists while the gate is closed. */
  private backoff: Backoff | undefined;
  private readonly waiting: Waiting[] = [];
  private isProbing = false;
  /** `performance.now()` of the next probe. */
  private probeAt = 0;
  private timer: NodeJS.Timeout | undefined;
  private answers = 0;
  /** How often the gate has opened. */
  openings = 0;

  /** `endless`: nothing fails for an outage, however long. `signal`: ends every wait, with its reason. */
  constructor(parts: { storeName: string; policy: RetryPolicy; endless: boolean; signal: AbortSignal }) {
    this.storeName = parts.storeName;
    this.policy = parts.policy;
    this.endless = parts.endless;
    this.signal = parts.signal;
    // Each run that waits for itself listens, and more than ten listeners would be taken for a leak.
    setMaxListeners(0, this.signal);
    this.signal.addEventListener('abort', () => {
      this.forget();
      this.refuseAll(this.signal.reason);
    });
  }

  get isDown(): boolean {
    return this.backoff !== undefined;
  }

  /** Since the call that closed the gate failed. */
  get elapsedMs(): number {
    return this.backoff?.elapsedMs ?? 0;
  }

  /** Resolves when the call may go to the store. */
  async turn(passage: Passage): Promise<void> {
    this.signal.throwIfAborted();
    if (passage.pauseMs > 0) await this.pause(passage.pauseMs);
    passage.pauseMs = 0;
    passage.isProbe = this.isDown && (await this.inLine());
    passage.openings = this.openings;
  }

  /** The store has answered: it took the call, or refused it for good. */
  answered({ isProbe }: Passage): void {
    this.answers++;
    // Only a probe was sent after the trouble began.
    if (isProbe) this.open();
  }

  /** The store did not take the call. Returns the error to give up with when it is not to come again. */
  failed(passage: Passage, error: StoreBusyError): StoreUnavailableError | undefined {
    const wasProbe = passage.isProbe;
    passage.isProbe = false;
    const isAlone = error.scope === 'run' || this.isOwnTrouble(passage);
    passage.answersAtFailure = this.answers;
    if (isAlone) {
      if (wasProbe) this.open();
      return this.failedAlone(passage, error);
    }
    if (!wasProbe && this.isDown) {
      // Sent before the gate closed: no try of its own, but what the store asks for holds.
      this.probeAt = Math.max(this.probeAt, performance.now() + wantedPauseMs(error));
      // Also if a probe that is on its way already opens the gate.
      passage.pauseMs = wantedPauseMs(error);
      return undefined;
    }
    this.backoff ??= new Backoff(this.policy, this.endless);
    this.isProbing = false;
    const pauseMs = this.backoff.next(error);
    if (pauseMs === undefined) return this.giveUp(error, this.backoff);
    this.probeAt = performance.now() + pauseMs;
    this.armTimer();
    return undefined;
  }

  /**
   * The gate is open, and it may not be the store: others got an answer since this call failed before, or the
   * gate has opened since it was sent. If it is the store, the next failure shows it.
   */
  private isOwnTrouble({ openings, answersAtFailure }: Passage): boolean {
    if (this.isDown) return false;
    return answersAtFailure === undefined ? openings !== this.openings : answersAtFailure !== this.answers;
  }

  private failedAlone(passage: Passage, error: StoreBusyError): StoreUnavailableError | undefined {
    passage.backoff ??= new Backoff(this.policy, this.endless);
    const pauseMs = passage.backoff.next(error);
    if (pauseMs === undefined) return this.unavailable(error, passage.backoff);
    passage.pauseMs = pauseMs;
    return undefined;
  }

  private pause(ms: number): Promise<void> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', abort);
        resolve();
      }, ms);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  private inLine(): Promise<boolean> {
    return new Promise((admit, refuse) => {
      this.waiting.push({ admit, refuse });
      this.armTimer();
    });
  }

  private armTimer(): void {
    if (this.timer !== undefined || this.isProbing || this.waiting.length === 0) return;
    this.timer = setTimeout(() => this.letProbe(), Math.max(0, this.probeAt - performance.now()));
  }

  private letProbe(): void {
    this.timer = undefined;
    // A timer may fire a little early, and the time may have been put off meanwhile.
    if (performance.now() < this.probeAt) {
      this.armTimer();
      return;
    }
    const next = this.waiting.shift();
    if (next === undefined) return;
    this.isProbing = true;
    next.admit(true);
  }

  private open(): void {
    this.openings++;
    this.forget();
    for (const { admit } of this.waiting.splice(0)) admit(false);
  }

  /** What waited fails; whoever comes next finds an open gate, and a budget of its own. */
  private giveUp(error: StoreBusyError, backoff: Backoff): StoreUnavailableError {
    const reason = this.unavailable(error, backoff);
    this.forget();
    this.refuseAll(reason);
    return reason;
  }

  private forget(): void {
    this.backoff = undefined;
    this.isProbing = false;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private refuseAll(reason: unknown): void {
    for (const { refuse } of this.waiting.splice(0)) refuse(reason);
  }

  private unavailable(error: StoreBusyError, backoff: Backoff): StoreUnavailableError {
    const seconds = (backoff.elapsedMs / 1000).toFixed(1);
    const reason = `${error.message}; gave up after ${seconds} s of retries (options retry.*)`;
    return new StoreUnavailableError({ store: this.storeName, reason });
  }
}
