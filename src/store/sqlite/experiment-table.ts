/** Which experiment a run goes to, by MLflow's rules. All of it within a transaction that holds the write lock. */
import { DEFAULT_EXPERIMENT_ID, deletedExperiment, missingExperiment, otherExperiment } from '../experiment-choice.js';
import type { ExperimentChoice } from '../store.js';
import { columnNames } from './database-file.js';
import type { Connection, SqlRow } from './driver.js';

export interface Experiment {
  readonly id: number;
  readonly location: string | undefined;
}

const COLUMNS = 'experiment_id AS id, name, lifecycle_stage AS stage, artifact_location AS location';

export class ExperimentTable {
  private readonly connection: Connection;
  private readonly artifactRoot: string;

  constructor(connection: Connection, artifactRoot: string) {
    this.connection = connection;
    this.artifactRoot = artifactRoot;
  }

  choose({ name, id }: ExperimentChoice): Experiment {
    if (id !== undefined) return this.named(id, name);
    if (name !== undefined) return usable(this.byName(name) ?? this.create(name), name);
    return usable(
      this.byId(DEFAULT_EXPERIMENT_ID) ?? this.create('Default', Number(DEFAULT_EXPERIMENT_ID)),
      DEFAULT_EXPERIMENT_ID,
    );
  }

  private named(id: string, name: string | undefined): Experiment {
    const found = this.byId(id);
    if (found === undefined) throw missingExperiment(id);
    if (name !== undefined && found.name !== name) throw otherExperiment(name, id, String(found.name));
    return usable(found, id);
  }

  private byId(id: string): SqlRow | undefined {
    // MLflow's SQL store knows integers only; others would be compared as text.
    if (!/^\d{1,15}$/.test(id)) return undefined;
    return this.connection.prepare(`SELECT ${COLUMNS} FROM experiments WHERE experiment_id = ?`).get({}, [Number(id)]);
  }

  private byName(name: string): SqlRow | undefined {
    // Since 1b5f0d9ad7c1 a name is unique within a workspace only. Read every time: MLflow may have migrated the file.
    const workspaces = columnNames(this.connection, 'experiments').has('workspace');
    const inDefault = workspaces ? " AND workspace = 'default'" : '';
    return this.connection.prepare(`SELECT ${COLUMNS} FROM experiments WHERE name = ?${inDefault}`).get({}, [name]);
  }

  private create(name: string, id: number | null = null): SqlRow {
    const now = Date.now();
    const made = this.connection
      .prepare(
        'INSERT INTO experiments (experiment_id, name, lifecycle_stage, creation_time, last_update_time) ' +
          "VALUES (?, ?, 'active', ?, ?) RETURNING experiment_id AS id",
      )
      .get({}, [id, name, now, now]);
    const location = `${this.artifactRoot}/${made?.id}`;
    this.connection
      .prepare('UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?')
      .run({}, [location, made?.id ?? null]);
    return { id: made?.id ?? null, name, stage: 'active', location };
  }
}

function usable(row: SqlRow, asked: string): Experiment {
  if (row.stage === 'deleted') throw deletedExperiment(asked);
  return { id: Number(row.id), location: row.location === null ? undefined : String(row.location) };
}
