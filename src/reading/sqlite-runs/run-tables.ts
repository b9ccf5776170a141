/** The questions that are asked of a database file. */

import { RUN_NAME_TAG } from '../../store/run-tags.js';
import { columnNames, rollback } from '../../store/sqlite/database-file.js';
import type { Connection, SqlRow, SqlValue, Statement } from '../../store/sqlite/driver.js';
import { chosenExperiments } from '../experiments.js';
import type { Operand } from '../filter/tree.js';
import { inKeyOrder } from '../key-order.js';
import { storedNumber } from '../metric-point.js';
import { inOrderOf, type OrderKey, rankOf } from '../order.js';
import type { RunQuery, RunRecord } from '../run-source.js';
import type { Experiments } from '../sql/search.js';
import { textsByKey } from '../sql/texts-by-key.js';
import { widerCondition } from '../sql/wider-condition.js';
import type { MetricPoint, StoredStatus } from '../stored-run.js';
import { SQLITE_DIALECT } from './filter-sql.js';

/** The ids of a page come as one value, so that one statement serves pages of any size. */
const OF_PAGE = 'IN (SELECT value FROM json_each(?))';
/** An integer beyond 2^53 would be refused by the library; MLflow takes timestamps up to 2^63. */
const POINT = 'value, is_nan, CAST(timestamp AS REAL) AS timestamp, CAST(step AS REAL) AS step';

export class RunTables {
  private readonly connection: Connection;
  private readonly runs: Statement;
  /** One text for each run and table: a row for each param would take three times as long to get here. */
  private readonly params: Statement;
  private readonly tags: Statement;
  private readonly metrics: Statement;
  private readonly points: Statement;

  constructor(connection: Connection) {
    this.connection = connection;
    this.runs = connection.prepare(
      'SELECT run_uuid AS id, name, experiment_id AS experiment, status, CAST(start_time AS REAL) AS start, ' +
        `CAST(end_time AS REAL) AS "end", user_id AS user, artifact_uri AS artifacts FROM runs WHERE run_uuid ${OF_PAGE} ` +
        "AND lifecycle_stage = 'active'",
    );
    const texts = (table: string): Statement =>
      connection.prepare(
        `SELECT value AS id, (SELECT json_group_object(t.key, t.value) FROM ${table} t WHERE t.run_uuid = j.value) AS texts ` +
          'FROM json_each(?) j',
      );
    this.params = texts('params');
    this.tags = texts('tags');
    this.metrics = connection.prepare(`SELECT run_uuid AS id, key, ${POINT} FROM latest_metrics WHERE run_uuid ${OF_PAGE}`);
    this.points = connection.prepare(`SELECT ${POINT} FROM metrics WHERE run_uuid = ? AND key = ?`);
  }

  experiments(asked: readonly string[] | undefined): Experiments {
    // Since 1b5f0d9ad7c1 a name is unique within a workspace only. Read every time: MLflow may have migrated the file.
    const inDefault = columnNames(this.connection, 'experiments').has('workspace') ? " AND workspace = 'default'" : '';
    const rows = this.connection
      .prepare(`SELECT experiment_id AS id, name FROM experiments WHERE lifecycle_stage = 'active'${inDefault}`)
      .all({}, []);
    return chosenExperiments(
      rows.map(({ id, name }) => ({ id: String(id), name: String(name) })),
      asked,
    );
  }

  ids({ filter, order }: RunQuery, experiments: Experiments, most: number): readonly string[] {
    const condition = filter === undefined ? undefined : widerCondition(filter, SQLITE_DIALECT);
    const columns = order.map(({ operand }) => columnOf(operand));
    const found =
      `SELECT r.run_uuid AS id, CAST(r.start_time AS REAL) AS start${columns.map(({ sql }, i) => `, ${sql} AS o${i}`).join('')} ` +
      `FROM runs r WHERE r.experiment_id ${OF_PAGE} AND r.lifecycle_stage = 'active' AND ${condition?.sql ?? 'TRUE'}`;
    const values = [
      ...columns.flatMap((column) => column.values),
      JSON.stringify([...experiments.keys()].map(Number)),
      ...(condition?.values ?? []),
    ];
    const terms = order.map(orderTerm);
    if (terms.every((term) => term !== undefined)) {
      // MATERIALIZED: else SQLite looks a metric up each time that its column is named.
      const sql = `WITH found AS MATERIALIZED (${found}) SELECT id FROM found ORDER BY ${[...terms, 'start DESC', 'id'].join(', ')} LIMIT ?`;
      const rows = this.connection.prepare(sql).all({}, [...values, most === Number.POSITIVE_INFINITY ? -1 : most]);
      return rows.map(({ id }) => String(id));
    }
    return this.connection
      .prepare(found)
      .all({}, values)
      .map((row) => ({
        id: String(row['id']),
        startTime: numberOrNone(row['start']),
        ranks: order.map(({ operand }, i) => rankOf(operand, orderValue(operand, row[`o${i}`]))),
      }))
      .sort(inOrderOf(order))
      .slice(0, most)
      .map(({ id }) => id);
  }

  /** One moment of the file. */
  load(ids: readonly string[], experiments: Experiments): ReadonlyMap<string, RunRecord> {
    const page = [JSON.stringify(ids)];
    this.connection.exec('BEGIN');
    try {
      const params = textsOf(this.params.all({}, page));
      const tags = textsOf(this.tags.all({}, page));
      const metrics = new Map<string, [string, MetricPoint][]>(ids.map((id) => [id, []]));
      for (const row of this.metrics.all({}, page)) metrics.get(String(row['id']))?.push([String(row['key']), pointOf(row)]);
      const records = new Map<string, RunRecord>();
      for (const row of this.runs.all({}, page)) {
        const id = String(row['id']);
        const experiment = experiments.get(String(row['experiment']));
        if (experiment === undefined) continue;
        const ownTags = tags.get(id) ?? new Map<string, string>();
        records.set(id, {
          id,
          // Runs of MLflow before 1.30 have it in the tag alone.
          name: String(row['name'] || ownTags.get(RUN_NAME_TAG) || ''),
          experimentId: experiment.id,
          experimentName: experiment.name,
          // The table's own check allows no other.
          status: String(row['status']) as StoredStatus,
          startTime: numberOrNone(row['start']),
          endTime: numberOrNone(row['end']),
          user: String(row['user'] ?? ''),
          artifactUri: row['artifacts'] === null ? undefined : String(row['artifacts']),
          params: params.get(id) ?? new Map<string, string>(),
          metrics: inKeyOrder(metrics.get(id) ?? []),
          tags: ownTags,
        });
      }
      return records;
    } finally {
      rollback(this.connection);
    }
  }

  history(id: string, key: string): readonly MetricPoint[] {
    return this.points.all({}, [id, key]).map(pointOf);
  }
}

interface Column {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** Of a metric: 'NaN' or its number. */
function columnOf({ of, key }: Operand): Column {
  if (of === 'attributes') return { sql: attributeColumn(key), values: [] };
  const table = of === 'metrics' ? 'latest_metrics' : of;
  const value = of === 'metrics' ? "CASE is_nan WHEN 0 THEN value ELSE 'NaN' END" : 'value';
  return { sql: `(SELECT ${value} FROM ${table} WHERE key = ? AND run_uuid = r.run_uuid)`, values: [key] };
}

/** As `inOrderOf` has it; undefined: SQLite would order by text what is ordered by number here. */
function orderTerm({ operand: { of }, descending }: OrderKey, i: number): string | undefined {
  if (of === 'params' || of === 'tags') return undefined;
  return `o${i} IS NULL, ${of === 'metrics' ? `o${i} = 'NaN', ` : ''}o${i}${descending ? ' DESC' : ''}`;
}

function attributeColumn(key: string): string {
  const column = SQLITE_DIALECT.attributes[key] ?? 'NULL';
  return key.endsWith('_time') ? `CAST(${column} AS REAL)` : column;
}

function orderValue({ of }: Operand, value: SqlRow[string] | undefined): string | number | undefined {
  if (value === null || value === undefined) return undefined;
  return of === 'metrics' ? storedNumber(Number(value)) : value;
}

function numberOrNone(value: SqlRow[string] | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}

/** By run. */
function textsOf(rows: readonly SqlRow[]): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const sorted = textsByKey();
  // SQLite made it: an object of texts, and null where MLflow's table holds NULL.
  return new Map(rows.map(({ id, texts }) => [String(id), sorted(JSON.parse(String(texts)) as Record<string, string | null>)]));
}

function pointOf(row: SqlRow): MetricPoint {
  return {
    value: Number(row['is_nan']) === 1 ? Number.NaN : storedNumber(Number(row['value'])),
    step: Number(row['step']),
    timestamp: Number(row['timestamp']),
  };
}
