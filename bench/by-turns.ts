import { setTimeout as sleep } from 'node:timers/promises';

/** The first ones compile code and open connections. */
const WARM = 5;

/** Milliseconds of each call; the two of a pair stand at the same index. */
export interface Pairs {
  readonly headrace: readonly number[];
  readonly raw: readonly number[];
}

export interface Turns {
  readonly samples: number;
  /** Before each call. */
  readonly gapMs: number;
  readonly headrace: (i: number) => PromiseLike<unknown>;
  /** What it returns is timed; what it does before is not. */
  readonly raw: (i: number) => () => PromiseLike<unknown>;
}

/** Calls of both that there are in all. */
export function callsOf(samples: number): number {
  return WARM + samples;
}

/** Both in one process and by turns, so that both see the same server; which comes first changes. */
export async function byTurns({ samples, gapMs, headrace, raw }: Turns): Promise<Pairs> {
  const ofHeadrace: number[] = [];
  const ofRaw: number[] = [];
  const timed = async (into: number[], call: () => PromiseLike<unknown>): Promise<void> => {
    await sleep(gapMs);
    const start = performance.now();
    await call();
    into.push(performance.now() - start);
  };
  for (let i = 0; i < callsOf(samples); i++) {
    const byHeadrace = (): Promise<void> => timed(ofHeadrace, () => headrace(i));
    if (i % 2 === 0) await byHeadrace();
    await timed(ofRaw, raw(i));
    if (i % 2 === 1) await byHeadrace();
  }
  return { headrace: ofHeadrace.slice(WARM), raw: ofRaw.slice(WARM) };
}
