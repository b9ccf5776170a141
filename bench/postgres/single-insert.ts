import { Client } from 'pg';
import { createTracker } from '../../src/index.js';
import { byTurns, callsOf, type Pairs } from '../by-turns.js';
import type { Singles } from '../server/single-param.js';

const INSERT = 'INSERT INTO params (key, value, run_uuid) VALUES ($1, $2, $3)';

/** The raw call is timed until the server has said that the row is in. */
export async function scenario({ url, samples, gapMs }: Singles): Promise<Pairs> {
  const tracker = createTracker({ uri: url });
  const run = tracker.startRun();
  const other = tracker.startRun();
  await run.storeId;
  const otherId = await other.storeId;
  await tracker.flush();
  const client = new Client({ connectionString: url });
  await client.connect();
  const pairs = await byTurns({
    samples,
    gapMs,
    headrace: (i) => run.logParam(`option_${i}`, i),
    raw: (i) => () => client.query({ name: 'insert', text: INSERT, values: [`option_${i}`, String(i), otherId] }),
  });
  const { rows } = await client.query(
    'SELECT count(*)::int AS count FROM params p JOIN params o USING (key, value) WHERE p.run_uuid = $1 AND o.run_uuid = $2',
    [run.id, otherId],
  );
  if (rows[0]?.count !== callsOf(samples)) throw new Error(`${rows[0]?.count} of ${callsOf(samples)} params are in both runs`);
  await client.end();
  await tracker.close();
  return pairs;
}
