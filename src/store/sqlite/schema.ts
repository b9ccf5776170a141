/**
 * MLflow's tracking schema for SQLite at alembic revision 0584bdc529eb (MLflow 2.18 to 2.22): every MLflow
 * since opens a file of it, newer ones by migrating it. All tables have to be there, also those that only
 * models and traces use, or MLflow refuses the file; names of constraints and indexes count, as its
 * migrations drop them by name.
 */
export const REVISION = '0584bdc529eb';

interface Table {
  /** Columns in order: name and type; a `!` after the type means NOT NULL, what follows it the default. */
  readonly columns: Readonly<Record<string, string>>;
  readonly primaryKey: readonly [name: string, ...columns: string[]];
  readonly unique?: readonly string[];
  readonly checks?: readonly Check[];
  readonly foreignKeys?: readonly ForeignKey[];
  readonly indexes?: Readonly<Record<string, readonly string[]>>;
}

interface Check {
  readonly name?: string;
  readonly expression: string;
}

interface ForeignKey {
  readonly name?: string;
  readonly columns: readonly string[];
  readonly table: string;
  readonly references: readonly string[];
  readonly actions?: string;
}

const LIFECYCLE = "lifecycle_stage IN ('active', 'deleted')";
const IS_FLAG: Check = { expression: 'is_nan IN (0, 1)' };

const toRun: ForeignKey = { columns: ['run_uuid'], table: 'runs', references: ['run_uuid'] };
const toExperiment: ForeignKey = { columns: ['experiment_id'], table: 'experiments', references: ['experiment_id'] };
const cascade = 'ON DELETE CASCADE';

const TABLES = {
  alembic_version: {
    columns: { version_num: 'VARCHAR(32)!' },
    primaryKey: ['alembic_version_pkc', 'version_num'],
  },
  experiments: {
    columns: {
      experiment_id: 'INTEGER!',
      name: 'VARCHAR(256)!',
      artifact_location: 'VARCHAR(256)',
      lifecycle_stage: 'VARCHAR(32)',
      creation_time: 'BIGINT',
      last_update_time: 'BIGINT',
    },
    primaryKey: ['experiment_pk', 'experiment_id'],
    unique: ['name'],
    checks: [{ name: 'experiments_lifecycle_stage', expression: LIFECYCLE }],
  },
  runs: {
    columns: {
      run_uuid: 'VARCHAR(32)!',
      name: 'VARCHAR(250)',
      source_type: 'VARCHAR(20)',
      source_name: 'VARCHAR(500)',
      entry_point_name: 'VARCHAR(50)',
      user_id: 'VARCHAR(256)',
      status: 'VARCHAR(9)',
      start_time: 'BIGINT',
      end_time: 'BIGINT',
      source_version: 'VARCHAR(50)',
      lifecycle_stage: 'VARCHAR(20)',
      artifact_uri: 'VARCHAR(200)',
      experiment_id: 'INTEGER',
      deleted_time: 'BIGINT',
    },
    primaryKey: ['run_pk', 'run_uuid'],
    checks: [
      { name: 'runs_lifecycle_stage', expression: LIFECYCLE },
      { name: 'source_type', expression: "source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')" },
      { expression: "status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED')" },
    ],
    foreignKeys: [toExperiment],
  },
  params: {
    columns: { key: 'VARCHAR(250)!', value: 'VARCHAR(8000)!', run_uuid: 'VARCHAR(32)!' },
    primaryKey: ['param_pk', 'key', 'run_uuid'],
    foreignKeys: [toRun],
    indexes: { index_params_run_uuid: ['run_uuid'] },
  },
  metrics: {
    columns: {
      key: 'VARCHAR(250)!',
      value: 'FLOAT!',
      timestamp: 'BIGINT!',
      run_uuid: 'VARCHAR(32)!',
      step: "BIGINT! '0'",
      is_nan: "BOOLEAN! '0'",
    },
    primaryKey: ['metric_pk', 'key', 'timestamp', 'step', 'run_uuid', 'value', 'is_nan'],
    checks: [IS_FLAG],
    foreignKeys: [toRun],
    indexes: { index_metrics_run_uuid: ['run_uuid'] },
  },
  latest_metrics: {
    columns: {
      key: 'VARCHAR(250)!',
      value: 'FLOAT!',
      timestamp: 'BIGINT',
      step: 'BIGINT!',
      is_nan: 'BOOLEAN!',
      run_uuid: 'VARCHAR(32)!',
    },
    primaryKey: ['latest_metric_pk', 'key', 'run_uuid'],
    checks: [IS_FLAG],
    foreignKeys: [toRun],
    indexes: { index_latest_metrics_run_uuid: ['run_uuid'] },
  },
  tags: {
    columns: { key: 'VARCHAR(250)!', value: 'VARCHAR(8000)', run_uuid: 'VARCHAR(32)!' },
    primaryKey: ['tag_pk', 'key', 'run_uuid'],
    foreignKeys: [toRun],
    indexes: { index_tags_run_uuid: ['run_uuid'] },
  },
  experiment_tags: {
    columns: { key: 'VARCHAR(250)!', value: 'VARCHAR(5000)', experiment_id: 'INTEGER!' },
    primaryKey: ['experiment_tag_pk', 'key', 'experiment_id'],
    foreignKeys: [toExperiment],
  },
  datasets: {
    columns: {
      dataset_uuid: 'VARCHAR(36)!',
      experiment_id: 'INTEGER!',
      name: 'VARCHAR(500)!',
      digest: 'VARCHAR(36)!',
      dataset_source_type: 'VARCHAR(36)!',
      dataset_source: 'TEXT!',
      dataset_schema: 'TEXT',
      dataset_profile: 'TEXT',
    },
    primaryKey: ['dataset_pk', 'experiment_id', 'name', 'digest'],
    foreignKeys: [{ ...toExperiment, name: 'fk_datasets_experiment_id_experiments', actions: cascade }],
    indexes: {
      index_datasets_dataset_uuid: ['dataset_uuid'],
      index_datasets_experiment_id_dataset_source_type: ['experiment_id', 'dataset_source_type'],
    },
  },
  inputs: {
    columns: {
      input_uuid: 'VARCHAR(36)!',
      source_type: 'VARCHAR(36)!',
      source_id: 'VARCHAR(36)!',
      destination_type: 'VARCHAR(36)!',
      destination_id: 'VARCHAR(36)!',
    },
    primaryKey: ['inputs_pk', 'source_type', 'source_id', 'destination_type', 'destination_id'],
    indexes: {
      index_inputs_destination_type_destination_id_source_type: ['destination_type', 'destination_id', 'source_type'],
      index_inputs_input_uuid: ['input_uuid'],
    },
  },
  input_tags: {
    columns: { input_uuid: 'VARCHAR(36)!', name: 'VARCHAR(255)!', value: 'VARCHAR(500)!' },
    primaryKey: ['input_tags_pk', 'input_uuid', 'name'],
  },
  registered_models: {
    columns: { name: 'VARCHAR(256)!', creation_time: 'BIGINT', last_updated_time: 'BIGINT', description: 'VARCHAR(5000)' },
    primaryKey: ['registered_model_pk', 'name'],
    unique: ['name'],
  },
  registered_model_tags: {
    columns: { key: 'VARCHAR(250)!', value: 'VARCHAR(5000)', name: 'VARCHAR(256)!' },
    primaryKey: ['registered_model_tag_pk', 'key', 'name'],
    foreignKeys: [{ columns: ['name'], table: 'registered_models', references: ['name'], actions: 'ON UPDATE CASCADE' }],
  },
  registered_model_aliases: {
    columns: { alias: 'VARCHAR(256)!', version: 'INTEGER!', name: 'VARCHAR(256)!' },
    primaryKey: ['registered_model_alias_pk', 'name', 'alias'],
    foreignKeys: [
      {
        name: 'registered_model_alias_name_fkey',
        columns: ['name'],
        table: 'registered_models',
        references: ['name'],
        actions: 'ON DELETE CASCADE ON UPDATE CASCADE',
      },
    ],
  },
  model_versions: {
    columns: {
      name: 'VARCHAR(256)!',
      version: 'INTEGER!',
      creation_time: 'BIGINT',
      last_updated_time: 'BIGINT',
      description: 'VARCHAR(5000)',
      user_id: 'VARCHAR(256)',
      current_stage: 'VARCHAR(20)',
      source: 'VARCHAR(500)',
      run_id: 'VARCHAR(32)',
      status: 'VARCHAR(20)',
      status_message: 'VARCHAR(500)',
      run_link: 'VARCHAR(500)',
      storage_location: 'VARCHAR(500)',
    },
    primaryKey: ['model_version_pk', 'name', 'version'],
    foreignKeys: [{ columns: ['name'], table: 'registered_models', references: ['name'], actions: 'ON UPDATE CASCADE' }],
  },
  model_version_tags: {
    columns: { key: 'VARCHAR(250)!', value: 'VARCHAR(5000)', name: 'VARCHAR(256)!', version: 'INTEGER!' },
    primaryKey: ['model_version_tag_pk', 'key', 'name', 'version'],
    foreignKeys: [
      { columns: ['name', 'version'], table: 'model_versions', references: ['name', 'version'], actions: 'ON UPDATE CASCADE' },
    ],
  },
  trace_info: {
    columns: {
      request_id: 'VARCHAR(50)!',
      experiment_id: 'INTEGER!',
      timestamp_ms: 'BIGINT!',
      execution_time_ms: 'BIGINT',
      status: 'VARCHAR(50)!',
    },
    primaryKey: ['trace_info_pk', 'request_id'],
    foreignKeys: [{ ...toExperiment, name: 'fk_trace_info_experiment_id' }],
    indexes: { index_trace_info_experiment_id_timestamp_ms: ['experiment_id', 'timestamp_ms'] },
  },
  trace_request_metadata: {
    columns: { key: 'VARCHAR(250)!', value: 'VARCHAR(8000)', request_id: 'VARCHAR(50)!' },
    primaryKey: ['trace_request_metadata_pk', 'key', 'request_id'],
    foreignKeys: [toTrace('fk_trace_request_metadata_request_id')],
    indexes: { index_trace_request_metadata_request_id: ['request_id'] },
  },
  trace_tags: {
    columns: { key: 'VARCHAR(250)!', value: 'VARCHAR(8000)', request_id: 'VARCHAR(50)!' },
    primaryKey: ['trace_tag_pk', 'key', 'request_id'],
    foreignKeys: [toTrace('fk_trace_tags_request_id')],
    indexes: { index_trace_tags_request_id: ['request_id'] },
  },
} satisfies Readonly<Record<string, Table>>;

function toTrace(name: string): ForeignKey {
  return { name, columns: ['request_id'], table: 'trace_info', references: ['request_id'], actions: cascade };
}

/** Ours: who made the file. One table more than MLflow expects also makes 3.0 to 3.3 migrate the file, which they else refuse. */
const META = 'CREATE TABLE headrace_meta (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)';

export function createStatements(): readonly string[] {
  const tables: [string, Table][] = Object.entries(TABLES);
  return [
    ...tables.map(([name, table]) => createTable(name, table)),
    ...tables.flatMap(([name, { indexes = {} }]) =>
      Object.entries(indexes).map(([index, columns]) => `CREATE INDEX ${index} ON ${name} (${list(columns)})`),
    ),
    META,
  ];
}

/** The tables that are written, with the columns that must be there in a file of whatever revision. */
export const WRITTEN_TABLES: ReadonlyMap<string, readonly string[]> = new Map(
  (['experiments', 'runs', 'params', 'metrics', 'latest_metrics', 'tags'] as const).map((name) => [
    name,
    Object.keys(TABLES[name].columns),
  ]),
);

function createTable(name: string, table: Table): string {
  const [primaryName, ...primary] = table.primaryKey;
  const parts = [
    ...Object.entries(table.columns).map(([column, description]) => columnClause(column, description)),
    `CONSTRAINT ${primaryName} PRIMARY KEY (${list(primary)})`,
    ...(table.checks ?? []).map((check) => `${named(check.name)}CHECK (${check.expression})`),
    ...(table.foreignKeys ?? []).map(
      ({ name: key, columns, table: target, references, actions }) =>
        `${named(key)}FOREIGN KEY (${list(columns)}) REFERENCES ${target} (${list(references)})${actions === undefined ? '' : ` ${actions}`}`,
    ),
    ...(table.unique === undefined ? [] : [`UNIQUE (${list(table.unique)})`]),
  ];
  return `CREATE TABLE ${name} (\n  ${parts.join(',\n  ')}\n)`;
}

function columnClause(column: string, description: string): string {
  const [type = '', fallback] = description.split('!');
  const value = fallback?.trim() ? ` DEFAULT ${fallback.trim()}` : '';
  return `${quoted(column)} ${type}${value}${fallback === undefined ? '' : ' NOT NULL'}`;
}

/** `key` is a word of SQL. */
function quoted(column: string): string {
  return column === 'key' ? '"key"' : column;
}

function list(columns: readonly string[]): string {
  return columns.map(quoted).join(', ');
}

function named(name: string | undefined): string {
  return name === undefined ? '' : `CONSTRAINT ${name} `;
}
