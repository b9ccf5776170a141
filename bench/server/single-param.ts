import { createTracker } from '../../src/index.js';
import { byTurns, type Pairs } from '../by-turns.js';
import { RawApi } from './raw-api.js';

export interface Singles {
  readonly url: string;
  readonly samples: number;
  readonly gapMs: number;
}

/** The raw call is timed from the request, encoded before, until the whole answer is there. */
export async function scenario({ url, samples, gapMs }: Singles): Promise<{ pairs: Pairs; runIds: readonly string[] }> {
  const tracker = createTracker({ uri: url });
  const run = tracker.startRun();
  const runId = await run.storeId;
  const api = new RawApi(url, 1);
  const postedId = await api.createRun();
  const pairs = await byTurns({
    samples,
    gapMs,
    headrace: (i) => run.logParam(`option_${i}`, i),
    raw: (i) => {
      const body = Buffer.from(JSON.stringify({ run_id: postedId, params: [{ key: `option_${i}`, value: String(i) }] }));
      return () => api.logBatch(body);
    },
  });
  await tracker.close();
  await api.close();
  return { pairs, runIds: [runId, postedId] };
}
