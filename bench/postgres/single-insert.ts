import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { createTracker } from '../../src/index.js';

export interface Singles {
  readonly url: string;
  readonly samples: number;
  /** Between two samples: longer than the worker looks for more before it sleeps. */
  readonly gapMs: number;
}

export interface SingleTimes {
  /** Milliseconds from the call until its receipt resolves; the two of a pair stand at the same index. */
  readonly headrace: readonly number[];
  /** Milliseconds until the server has said that the row is in. */
  readonly inserted: readonly number[];
}

const INSERT = 'INSERT INTO params (key, value, run_uuid) VALUES ($1, $2, $3)';

/** The first ones compile code and open connections. */
const WARM = 5;

/** Both in one process and by turns, so that both see the same server; which comes first changes. */
export async function scenario({ url, samples, gapMs }: Singles): Promise<SingleTimes> {
  const tracker = createTracker({ uri: url });
  const run = tracker.startRun();
  const other = tracker.startRun();
  await run.storeId;
  const otherId = await other.storeId;
  await tracker.flush();
  const client = new Client({ connectionString: url });
  await client.connect();
  const headrace: number[] = [];
  const inserted: number[] = [];
  const byHeadrace = async (i: number): Promise<void> => {
    await sleep(gapMs);
    const start = performance.now();
    await run.logParam(`option_${i}`, i);
    headrace.push(performance.now() - start);
  };
  const byInsert = async (i: number): Promise<void> => {
    await sleep(gapMs);
    const start = performance.now();
    await client.query({ name: 'insert', text: INSERT, values: [`option_${i}`, String(i), otherId] });
    inserted.push(performance.now() - start);
  };
  for (let i = 0; i < WARM + samples; i++) {
    if (i % 2 === 0) await byHeadrace(i);
    await byInsert(i);
    if (i % 2 === 1) await byHeadrace(i);
  }
  const { rows } = await client.query(
    'SELECT count(*)::int AS count FROM params p JOIN params o USING (key, value) WHERE p.run_uuid = $1 AND o.run_uuid = $2',
    [run.id, otherId],
  );
  if (rows[0]?.count !== WARM + samples) throw new Error(`${rows[0]?.count} of ${WARM + samples} params are in both runs`);
  await client.end();
  await tracker.close();
  return { headrace: headrace.slice(WARM), inserted: inserted.slice(WARM) };
}
