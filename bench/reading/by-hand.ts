import type Database from 'better-sqlite3';

/** What somebody who knows the tables would ask for one search. */
export interface ByHand {
  /** Of the row `r` of `runs`. */
  readonly where: string;
  /** Default: the latest start first. */
  readonly rest?: string;
}

/** How the params and tags come: a row each, or one JSON text for each run, from which they are taken again. */
export type Form = 'rows' | 'texts';

export interface Counted {
  readonly ids: readonly string[];
  readonly params: number;
  readonly metrics: number;
  readonly tags: number;
}

const LATEST_FIRST = 'ORDER BY r.start_time DESC, r.run_uuid';

/** The whole of every run that is found, in its order: searched once, and all that belongs to the runs by their ids. */
export function askByHand(database: Database.Database, { where, rest = LATEST_FIRST }: ByHand, form: Form): Counted {
  const runs = database
    .prepare(
      'SELECT r.*, e.name AS experiment FROM runs r JOIN experiments e USING (experiment_id) ' +
        `WHERE r.lifecycle_stage = 'active' AND e.lifecycle_stage = 'active' AND ${where} ${rest}`,
    )
    .all() as readonly { run_uuid: string }[]; // the table's own column
  const ids = runs.map((run) => run.run_uuid);
  const found = JSON.stringify(ids);
  const metrics = database.prepare(`SELECT * FROM latest_metrics WHERE run_uuid ${FOUND}`).all(found);
  return {
    ids,
    params: texts(database, 'params', found, form),
    metrics: metrics.length,
    tags: texts(database, 'tags', found, form),
  };
}

const FOUND = 'IN (SELECT value FROM json_each(?))';

function texts(database: Database.Database, table: 'params' | 'tags', found: string, form: Form): number {
  if (form === 'rows')
    return database.prepare(`SELECT run_uuid, key, value FROM ${table} WHERE run_uuid ${FOUND}`).all(found).length;
  const rows = database
    .prepare(`SELECT run_uuid, json_group_object(key, value) AS texts FROM ${table} WHERE run_uuid ${FOUND} GROUP BY run_uuid`)
    .all(found) as readonly { texts: string }[]; // the column above
  return rows.reduce((sum, row) => sum + Object.keys(JSON.parse(row.texts) as object).length, 0);
}
