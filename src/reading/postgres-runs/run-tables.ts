/** The questions that are asked of a database. */
import { arrayOf, textArray } from '../../store/postgres/array-text.js';
import { type Database, type SqlValue, statement } from '../../store/postgres/database.js';
import { RUN_NAME_TAG } from '../../store/run-tags.js';
import { chosenExperiments, type Experiment } from '../experiments.js';
import type { Operand } from '../filter/tree.js';
import { inKeyOrder } from '../key-order.js';
import { storedNumber } from '../metric-point.js';
import { inOrderOf, type OrderKey, rankOf } from '../order.js';
import type { RunQuery, RunRecord } from '../run-source.js';
import type { Experiments } from '../sql/search.js';
import { textsByKey } from '../sql/texts-by-key.js';
import { widerCondition } from '../sql/wider-condition.js';
import type { MetricPoint, StoredStatus } from '../stored-run.js';
import { POSTGRES_DIALECT } from './filter-sql.js';

/** As `jsonOf` has it; `value` is the largest double for an infinity, and something or other for NaN. */
type PointRow = readonly [value: number | string, isNan: boolean, timestamp: number, step: number];

interface RunRow {
  readonly id: string;
  readonly name: string | null;
  readonly experiment: number;
  readonly status: string;
  readonly start: number | null;
  readonly end: number | null;
  readonly user: string | null;
  readonly artifacts: string | null;
  readonly params: Readonly<Record<string, string | null>> | null;
  readonly tags: Readonly<Record<string, string | null>> | null;
  readonly metrics: readonly (readonly [key: string, ...PointRow])[] | null;
}

const POINT = 'value, is_nan, timestamp, step';

/** One statement, and so one moment of the database. Through a join the rows of a page would have to be sorted. */
const RUNS = jsonOf(
  "json_build_object('id', run_uuid, 'name', name, 'experiment', experiment_id, 'status', status, 'start', start_time, " +
    `'end', end_time, 'user', user_id, 'artifacts', artifact_uri, 'params', ${textsOf('params')}, 'tags', ${textsOf('tags')}, ` +
    `'metrics', (SELECT json_agg(json_build_array(key, ${POINT})) FROM latest_metrics t WHERE t.run_uuid = r.run_uuid))`,
  "runs r WHERE run_uuid = ANY (?::varchar[]) AND lifecycle_stage = 'active'",
);

/** A column that older databases don't have is NULL in what is made of the row. */
const EXPERIMENTS = jsonOf(
  "json_build_object('id', experiment_id::text, 'name', name)",
  "experiments e WHERE lifecycle_stage = 'active' AND coalesce(to_jsonb(e) ->> 'workspace', 'default') = 'default'",
);

const POINTS = jsonOf(`json_build_array(${POINT})`, 'metrics WHERE run_uuid = ? AND key = ?');

export class RunTables {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  async experiments(asked: readonly string[] | undefined): Promise<Experiments> {
    return chosenExperiments(await this.ask<Experiment>(EXPERIMENTS, []), asked);
  }

  async ids({ filter, order }: RunQuery, experiments: Experiments, most: number): Promise<readonly string[]> {
    const condition = filter === undefined ? undefined : widerCondition(filter, POSTGRES_DIALECT);
    const columns = order.map(({ operand }) => columnOf(operand));
    const found =
      `SELECT r.run_uuid AS id, r.start_time AS start${columns.map(({ sql }, i) => `, ${sql} AS o${i}`).join('')} ` +
      `FROM runs r WHERE r.experiment_id = ANY (?::int[]) AND r.lifecycle_stage = 'active' AND ${condition?.sql ?? 'TRUE'}`;
    const values = [
      ...columns.flatMap((column) => column.values),
      arrayOf([...experiments.keys()]),
      ...(condition?.values ?? []),
    ];
    const terms = order.map(orderTerm);
    if (terms.every((term) => term !== undefined)) {
      const sorted = `${[...terms, 'start DESC NULLS LAST', 'id COLLATE "C"'].join(', ')}`;
      return this.ask<string>(
        `SELECT to_json(id)::text AS json FROM (${found}) AS found ORDER BY ${sorted} LIMIT ?::bigint`,
        // NULL is no limit.
        [...values, most === Number.POSITIVE_INFINITY ? null : most],
      );
    }
    const rows = await this.ask<readonly [id: string, start: number | null, ...(string | number | null)[]]>(
      `SELECT json_build_array(id, start${columns.map((_, i) => `, o${i}`).join('')})::text AS json FROM (${found}) AS found`,
      values,
    );
    return rows
      .map(([id, start, ...held]) => ({
        id,
        startTime: start ?? undefined,
        ranks: order.map(({ operand }, i) => rankOf(operand, orderValue(operand, held[i] ?? null))),
      }))
      .sort(inOrderOf(order))
      .slice(0, most)
      .map(({ id }) => id);
  }

  async load(ids: readonly string[], experiments: Experiments): Promise<ReadonlyMap<string, RunRecord>> {
    const [params, tags] = [textsByKey(), textsByKey()];
    const records = new Map<string, RunRecord>();
    for (const row of await this.ask<RunRow>(RUNS, [textArray(ids)])) {
      const experiment = experiments.get(String(row.experiment));
      if (experiment === undefined) continue;
      const ownTags = tags(row.tags ?? {});
      records.set(row.id, {
        id: row.id,
        // Runs of MLflow before 1.30 have it in the tag alone.
        name: row.name || ownTags.get(RUN_NAME_TAG) || '',
        experimentId: experiment.id,
        experimentName: experiment.name,
        // The table's own check allows no other.
        status: row.status as StoredStatus,
        startTime: row.start ?? undefined,
        endTime: row.end ?? undefined,
        user: row.user ?? '',
        artifactUri: row.artifacts ?? undefined,
        params: params(row.params ?? {}),
        metrics: inKeyOrder((row.metrics ?? []).map(([key, ...point]) => [key, pointOf(point)])),
        tags: ownTags,
      });
    }
    return records;
  }

  async history(id: string, key: string): Promise<readonly MetricPoint[]> {
    // No text of the database holds these, and it refuses to look for them.
    if (!key.isWellFormed() || key.includes('\0')) return [];
    return (await this.ask<PointRow>(POINTS, [id, key])).map(pointOf);
  }

  /** `sql`: with a question mark for each value, and a column `json`. */
  private async ask<T>(sql: string, values: readonly SqlValue[]): Promise<T[]> {
    let count = 0;
    const asked = statement(sql.replaceAll('?', () => `$${++count}`));
    const rows = await this.database.rows<{ json: string }>(asked, values);
    // The statement says what it is made of.
    return rows.map(({ json }) => JSON.parse(json) as T);
  }
}

/**
 * Texts of JSON: numbers of a table would come as whoever else uses pg in this process has told it to, and a run with its
 * rows is one value.
 */
function jsonOf(json: string, from: string): string {
  return `SELECT ${json}::text AS json FROM ${from}`;
}

function textsOf(table: 'params' | 'tags'): string {
  return `(SELECT json_object_agg(key, value) FROM ${table} t WHERE t.run_uuid = r.run_uuid)`;
}

interface Column {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

function columnOf({ of, key }: Operand): Column {
  if (of === 'attributes') return { sql: POSTGRES_DIALECT.attributes[key] ?? 'NULL', values: [] };
  // No text of the database holds these, and it refuses to look for them.
  if (!key.isWellFormed() || key.includes('\0')) return { sql: 'NULL', values: [] };
  const table = of === 'metrics' ? 'latest_metrics' : of;
  const value = of === 'metrics' ? "CASE WHEN is_nan THEN 'NaN' ELSE value END" : 'value';
  return { sql: `(SELECT ${value} FROM ${table} WHERE key = ? AND run_uuid = r.run_uuid)`, values: [key] };
}

/** As `inOrderOf` has it; undefined: by text would be ordered what is ordered by number here. */
function orderTerm({ operand: { of, key }, descending }: OrderKey, i: number): string | undefined {
  if (of === 'params' || of === 'tags') return undefined;
  const isText = of === 'attributes' && !key.endsWith('_time');
  return `o${i} IS NULL, ${of === 'metrics' ? `o${i} = 'NaN', ` : ''}o${i}${isText ? ' COLLATE "C"' : ''}${descending ? ' DESC' : ''}`;
}

/** Of a metric: a number, or 'NaN' as JSON has none such. */
function orderValue({ of }: Operand, value: string | number | null): string | number | undefined {
  if (value === null) return undefined;
  return of === 'metrics' ? storedNumber(Number(value)) : value;
}

function pointOf([value, isNan, timestamp, step]: PointRow): MetricPoint {
  return { value: isNan ? Number.NaN : storedNumber(Number(value)), step, timestamp };
}
