/** The same records through headrace and through MLflow's own client: the rows that both leave are compared. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTracker } from '../../src/index.js';
import { keyProblem } from '../../src/params/key.js';
import { query } from './database.js';
import { DatabaseFolder } from './database-folder.js';
import { MlflowClient } from './mlflow-client.js';
import { pythonOf } from './mlflow-versions.js';
import type { MetricPoint, Tag } from './seen.js';

const SEED = 20_240_103;

let folder: DatabaseFolder;
let uri: string;
let client: MlflowClient;

beforeAll(async () => {
  folder = await DatabaseFolder.make();
  uri = folder.uri('twins.db');
  client = new MlflowClient(await pythonOf(), folder.path);
});

afterAll(async () => {
  await client?.stop();
  await folder.remove();
});

/** Few of each, so that points meet: same key, step, time or value. */
const point: fc.Arbitrary<MetricPoint> = fc.tuple(
  fc.constantFrom('loss', 'Loss', '学习率'),
  fc.constantFrom(-3, 0, 1, 2, 2 ** 53 - 1),
  fc.constantFrom(0, 1000, 1001, 1_700_000_000_000),
  fc.constantFrom(0, -0, 1, -5, 5e-324, 0.1 + 0.2, 1e300, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
);

const tag: fc.Arbitrary<Tag> = fc.tuple(
  fc.constantFrom('stage', 'Stage', 'größe', 'mlflow.note.content', 'mlflow.runName'),
  fc.constantFrom('', ' ', 'one', 'zwei\nZeilen', '😀'.repeat(8000)),
);

/** A batch each, in their order. */
const batches = fc.array(
  fc.record({
    metrics: fc.array(point, { maxLength: 12 }),
    tags: fc.uniqueArray(tag, { selector: ([key]) => key, maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 6 },
);

test(`metrics, latest metrics, tags and run names are the rows that MLflow's client writes, seed ${SEED}`, async () => {
  const tracker = createTracker({ uri });
  for (const sequence of fc.sample(batches, { seed: SEED, numRuns: 60 })) {
    const theirs = await client.call(uri, 'create_run', { experiment_id: '0', run_name: 'twin' });
    const run = tracker.startRun({ name: 'twin' });
    for (const { metrics, tags } of sequence) {
      await client.logBatch(uri, theirs, { metrics, tags });
      for (const [key, step, timestamp, value] of metrics) run.logMetric(key, value, step, timestamp);
      for (const [key, value] of tags) run.setTag(key, value);
      // Now and then several batches go together, as they come.
      if (tags.length !== 1) await run.flush();
    }
    await run.flush();
    const shown = JSON.stringify(sequence, (_, value: unknown) => (typeof value === 'number' ? String(value) : value)).slice(
      0,
      2000,
    );
    const [python, headrace] = [await rowsOf(theirs), await rowsOf(run.id)];
    expect(headrace, shown).toEqual(python);
    await run.end();
  }
  await tracker.close();
});

/** Without the tags that say which program it was: a run of MlflowClient's has none. */
function rowsOf(runId: string): Promise<unknown> {
  return query(
    folder.file('twins.db'),
    `SELECT key, step, timestamp, value, typeof(value), is_nan FROM metrics WHERE run_uuid = '${runId}' ORDER BY 1, 2, 3, 4, 6`,
    `SELECT key, step, timestamp, value, typeof(value), is_nan FROM latest_metrics WHERE run_uuid = '${runId}' ORDER BY 1`,
    `SELECT key, value FROM tags WHERE run_uuid = '${runId}' AND key <> 'mlflow.user' AND key NOT LIKE 'mlflow.source.%' ORDER BY 1`,
    `SELECT name, source_type, source_name, entry_point_name, status, end_time, source_version, lifecycle_stage, experiment_id, deleted_time,
            replace(artifact_uri, run_uuid, '') FROM runs WHERE run_uuid = '${runId}'`,
  );
}

const GOOD_PARTS = ['a', 'B', '7', '_', '-', ' ', ':', '.', '..', '/', '//', './', '../', 'é', '学', '𐐀', 'ª', 'Ⅷ', '٣', '²'];
const BAD_PARTS = [...'$\\,([=@%\'"+*~\n\t\r😀', 'e\u0301', '\u00a0', '\u200b', '\u2028', '\u094d'];
const keyParts = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...GOOD_PARTS) },
  { weight: 1, arbitrary: fc.constantFrom(...BAD_PARTS) },
);
const keys = fc.oneof(
  fc.array(keyParts, { maxLength: 7 }).map((parts) => parts.join('')),
  // Most of these are fine, and some of them too long.
  fc
    .tuple(fc.constantFrom('k', '学', '𐐀', 'a/', '.'), fc.integer({ min: 120, max: 252 }))
    .map(([part, times]) => part.repeat(times)),
);

test(`a key is taken or refused as MLflow takes or refuses it, seed ${SEED}`, async () => {
  // Python's `$` lets one newline at the end pass, and the server stores it; headrace refuses it on purpose.
  const samples = fc.sample(keys, { seed: SEED, numRuns: 6000 }).filter((key) => !key.endsWith('\n'));
  const theirs = await client.keyVerdicts(samples);
  const wrong = samples.filter((key, i) => (keyProblem(key) === undefined) !== theirs[i]);
  expect(wrong).toEqual([]);
  expect(theirs.filter((taken) => taken).length).toBeGreaterThan(samples.length / 10);
  expect(theirs.filter((taken) => !taken).length).toBeGreaterThan(samples.length / 10);
});
