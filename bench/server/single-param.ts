import { setTimeout as sleep } from 'node:timers/promises';
import { createTracker } from '../../src/index.js';
import { RawApi } from './raw-api.js';

export interface Singles {
  readonly url: string;
  readonly samples: number;
  /** Between two samples: longer than the worker looks for more before it sleeps, shorter than connections live. */
  readonly gapMs: number;
}

export interface SingleTimes {
  /** Milliseconds from the call until its receipt resolves; the two of a pair stand at the same index. */
  readonly headrace: readonly number[];
  /** Milliseconds from the request, encoded before, until the whole answer is there. */
  readonly posted: readonly number[];
  readonly runIds: readonly string[];
}

/** The first ones compile code and open connections. */
const WARM = 5;

/** Both in one process and by turns, so that both see the same server; which comes first changes. */
export async function scenario({ url, samples, gapMs }: Singles): Promise<SingleTimes> {
  const tracker = createTracker({ uri: url });
  const run = tracker.startRun();
  const runId = await run.storeId;
  const api = new RawApi(url, 1);
  const postedId = await api.createRun();
  const headrace: number[] = [];
  const posted: number[] = [];
  const byHeadrace = async (i: number): Promise<void> => {
    await sleep(gapMs);
    const start = performance.now();
    await run.logParam(`option_${i}`, i);
    headrace.push(performance.now() - start);
  };
  const byPost = async (i: number): Promise<void> => {
    const body = Buffer.from(JSON.stringify({ run_id: postedId, params: [{ key: `option_${i}`, value: String(i) }] }));
    await sleep(gapMs);
    const start = performance.now();
    await api.logBatch(body);
    posted.push(performance.now() - start);
  };
  for (let i = 0; i < WARM + samples; i++) {
    if (i % 2 === 0) await byHeadrace(i);
    await byPost(i);
    if (i % 2 === 1) await byHeadrace(i);
  }
  await tracker.close();
  await api.close();
  return { headrace: headrace.slice(WARM), posted: posted.slice(WARM), runIds: [runId, postedId] };
}

/** Rows in each of the two runs at the end. */
export function rowsOf({ samples }: Pick<Singles, 'samples'>): number {
  return WARM + samples;
}
