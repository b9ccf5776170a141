import type { Answer, Row, Scale } from '../question.js';
import { row } from '../server/row.js';
import { withDatabase } from './places.js';

/** Runs that log at the same time, step by step; when they are done, as many others begin. */
const RUNS = 100;
const KEYS = 10;
const STEPS = 1000;

/** Keys of 13 characters. */
const FILL = `
  INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)
  SELECT 'group.metric' || k, random(), 1700000000000 + $1::bigint * 10000000 + s * 1000 + r, md5($1 || ' ' || r), s, false
  FROM generate_series(0, ${STEPS - 1}) s, generate_series(1, ${RUNS}) r, generate_series(1, ${KEYS}) k`;

const MAKE_RUNS = `
  INSERT INTO runs (run_uuid, name, status, start_time, lifecycle_stage, experiment_id)
  SELECT md5($1 || ' ' || r), 'run ' || r, 'FINISHED', 1700000000000, 'active', 0 FROM generate_series(1, ${RUNS}) r`;

const SIZES = `
  SELECT 'metrics, the table' AS part, pg_table_size('metrics')::float8 AS bytes
  UNION ALL
  SELECT 'metrics, index ' || indexrelid::regclass, pg_relation_size(indexrelid)::float8 FROM pg_index WHERE indrelid = 'metrics'::regclass`;

export const TITLE = 'bytes that a row of metrics takes in PostgreSQL, with each of its indexes';

/** Rows come in the order in which runs side by side log them: so do entries of the indexes. */
export async function ask(scale: Scale): Promise<Answer> {
  const millions = scale.of(2, 1);
  const perRow = new Map<string, number[]>();
  await withDatabase(async (database) => {
    await database.rows(
      "INSERT INTO experiments (experiment_id, name, lifecycle_stage) VALUES (0, 'Default', 'active') ON CONFLICT DO NOTHING",
    );
    for (let million = 1; million <= millions; million++) {
      await database.rows(MAKE_RUNS, String(million));
      await database.rows(FILL, String(million));
      const rows = million * RUNS * KEYS * STEPS;
      let all = 0;
      for (const { part, bytes } of await database.rows<{ part: string; bytes: number }>(SIZES)) {
        all += bytes;
        perRow.set(part, [...(perRow.get(part) ?? []), bytes / rows]);
      }
      perRow.set('metrics, all of it', [...(perRow.get('metrics, all of it') ?? []), all / rows]);
    }
  });
  return {
    sizes: { 'million rows': millions, 'runs side by side': RUNS, 'keys of a run': KEYS },
    rows: [...perRow].map(([part, bytes]): Row => row(part, 'bytes a row', bytes, { clock: '-' })),
  };
}
