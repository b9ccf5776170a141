/** Which request meets which fault: at random, and alike for the same seed and the same requests. */

export const FAULTS = [
  'reset before forwarding',
  'reset after the server answered',
  'reset in mid-answer',
  'delay before forwarding',
  'hang before forwarding',
  'hang after the server answered',
  'hang in mid-answer',
  'answer at about the time that the client gives up',
  'batch forwarded late',
  'creation forwarded late',
  '429 with Retry-After in seconds',
  '503 with Retry-After in seconds',
  '503 with Retry-After as a date',
  '502 with an HTML page',
  'idle connection closed',
] as const;

export type Fault = (typeof FAULTS)[number];

export interface FaultPlan {
  readonly seed: number;
  readonly faults: readonly Fault[];
  /** A fault at every so-manieth request: so many at least, so many at most. */
  readonly every: readonly [least: number, most: number];
}

export type Random = () => number;

/** From 0 up to 1, the same row of them for the same seed (the generator is known as mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * After so many faults so many requests are spared. What takes several requests in a row (an older MLflow that has
 * some rows of a batch already, which is found out piece by piece) would otherwise never come through.
 */
const SHOWER = 6;
const REST = 12;

/** Deals the faults like cards, so that none has to wait for its luck. */
export class FaultSchedule {
  readonly #plan: FaultPlan;
  readonly #random: Random;
  #cards: Fault[];
  #dealt = 0;
  #untilDue: number;

  constructor(plan: FaultPlan, random: Random) {
    this.#plan = plan;
    this.#random = random;
    this.#cards = this.#shuffled();
    this.#untilDue = this.#pause();
  }

  /** The fault that the request meets; `call` is what it asks of MLflow's API. `isAgain`: the same run's creation was asked for before. */
  next(call: string, isAgain: boolean): Fault | undefined {
    this.#untilDue--;
    // A run is made once: each creation meets a fault, and best its own.
    const isCreation = call === 'runs/create' && !isAgain;
    const own = isCreation ? this.#cards.indexOf('creation forwarded late') : -1;
    if (own >= 0) return this.#deal(own);
    if (this.#untilDue > 0 && !isCreation) return undefined;
    const fits = (fault: Fault): boolean =>
      !isOfOneCall(fault) || (fault === 'batch forwarded late' && call === 'runs/log-batch');
    if (!this.#cards.some(fits)) this.#cards.push(...this.#shuffled());
    const at = this.#cards.findIndex(fits);
    return at < 0 ? undefined : this.#deal(at);
  }

  #deal(at: number): Fault | undefined {
    this.#untilDue = this.#pause();
    return this.#cards.splice(at, 1)[0];
  }

  #pause(): number {
    const [least, most] = this.#plan.every;
    this.#dealt++;
    if (this.#dealt % SHOWER === 0) return REST;
    return least + Math.floor(this.#random() * (most - least + 1));
  }

  #shuffled(): Fault[] {
    return this.#plan.faults
      .map((fault) => ({ fault, place: this.#random() }))
      .sort((a, b) => a.place - b.place)
      .map(({ fault }) => fault);
  }
}

function isOfOneCall(fault: Fault): boolean {
  return fault === 'batch forwarded late' || fault === 'creation forwarded late';
}
