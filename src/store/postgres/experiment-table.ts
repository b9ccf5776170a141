/** Which experiment a run goes to, by MLflow's rules. Each statement is a transaction of its own, and safe to repeat. */
import { DEFAULT_EXPERIMENT_ID, deletedExperiment, missingExperiment, otherExperiment } from '../experiment-choice.js';
import type { ExperimentChoice } from '../store.js';
import { type Database, type SqlValue, statement } from './database.js';

export interface Experiment {
  readonly id: string;
  readonly location: string | null;
}

interface Row extends Experiment {
  readonly name: string;
  readonly stage: string | null;
}

const COLUMNS = 'experiment_id::text AS id, name, lifecycle_stage AS stage, artifact_location AS location';

const BY_ID = statement(`SELECT ${COLUMNS} FROM experiments WHERE experiment_id = $1::int`);

// Since 1b5f0d9ad7c1 a name is unique within a workspace only; before it there is no such column, which this serves too.
const BY_NAME = statement(
  `SELECT ${COLUMNS} FROM experiments e WHERE name = $1 AND coalesce(to_jsonb(e) ->> 'workspace', 'default') = 'default'`,
);

/**
 * Where the database's own server keeps artifacts shows by experiment 0, which it made (`mlflow-artifacts:/0`, `s3://…/0`).
 * Without it: as MLflow's client, which takes a folder of its own machine.
 */
const ARTIFACT_ROOT =
  "coalesce((SELECT regexp_replace(artifact_location, '/0$', '') FROM experiments WHERE experiment_id = 0 AND artifact_location LIKE '%_/0'), $2)";

const CREATE = statement(
  "WITH next AS (SELECT nextval(pg_get_serial_sequence('experiments', 'experiment_id')) AS id) " +
    'INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time) ' +
    `SELECT id, $1, ${ARTIFACT_ROOT} || '/' || id, 'active', $3::bigint, $3::bigint FROM next ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
);

const CREATE_DEFAULT = statement(
  'INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time) ' +
    `VALUES (${DEFAULT_EXPERIMENT_ID}, 'Default', $1 || '/${DEFAULT_EXPERIMENT_ID}', 'active', $2::bigint, $2::bigint) ` +
    `ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
);

export class ExperimentTable {
  private readonly database: Database;
  private readonly artifactRoot: string;

  constructor(database: Database, artifactRoot: string) {
    this.database = database;
    this.artifactRoot = artifactRoot;
  }

  async choose({ name, id }: ExperimentChoice): Promise<Experiment> {
    if (id !== undefined) return await this.named(id, name);
    if (name !== undefined)
      return usable(
        await this.orMade(
          () => this.byName(name),
          () => this.create(name),
        ),
        name,
      );
    const found = await this.orMade(
      () => this.byId(DEFAULT_EXPERIMENT_ID),
      () => this.first(CREATE_DEFAULT, [this.artifactRoot, Date.now()]),
    );
    return usable(found, DEFAULT_EXPERIMENT_ID);
  }

  private async named(id: string, name: string | undefined): Promise<Experiment> {
    const found = await this.byId(id);
    if (found === undefined) throw missingExperiment(id);
    if (name !== undefined && found.name !== name) throw otherExperiment(name, id, found.name);
    return usable(found, id);
  }

  /** Of two writers that make it at the same moment the second waits for the first, makes nothing, and finds it. */
  private async orMade(find: () => Promise<Row | undefined>, make: () => Promise<Row | undefined>): Promise<Row | undefined> {
    return (await find()) ?? (await make()) ?? (await find());
  }

  private async byId(id: string): Promise<Row | undefined> {
    // The column's type.
    if (!/^\d{1,10}$/.test(id) || Number(id) >= 2 ** 31) return undefined;
    return await this.first(BY_ID, [id]);
  }

  private byName(name: string): Promise<Row | undefined> {
    return this.first(BY_NAME, [name]);
  }

  private create(name: string): Promise<Row | undefined> {
    return this.first(CREATE, [name, this.artifactRoot, Date.now()]);
  }

  private async first(asked: ReturnType<typeof statement>, values: readonly SqlValue[]): Promise<Row | undefined> {
    return (await this.database.rows<Row>(asked, values))[0];
  }
}

function usable(row: Row | undefined, asked: string): Experiment {
  if (row === undefined) throw missingExperiment(asked);
  if (row.stage === 'deleted') throw deletedExperiment(asked);
  return row;
}
