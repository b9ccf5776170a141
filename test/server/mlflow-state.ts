/** What an MLflow server keeps, and what it says to each call: verdicts and texts as measured on real ones. */
import { randomUUID } from 'node:crypto';
import { codePoints, cut, keyRefusal, missing, repr } from './key-rules.js';
import { isObject, type Message, readLeniently, type Schema, Unhandled } from './lenient-json.js';
import { type Answer, invalid, json, NOT_FOUND, Refusal, WRONG_METHOD } from './refusal.js';
import { conditionsOf, offsetOf, pageToken, sorted } from './run-search.js';

export interface HeldExperiment {
  readonly id: string;
  readonly name: string;
  deleted: boolean;
}

export interface HeldMetric {
  readonly key: string;
  /** NaN as NaN. */
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
}

export interface HeldRun {
  readonly id: string;
  readonly experimentId: string;
  readonly userId: string;
  readonly startTime: number;
  name: string;
  status: string;
  endTime: number | undefined;
  deleted: boolean;
  readonly params: Map<string, string>;
  readonly tags: Map<string, string>;
  /** By the primary key of MLflow's table. */
  readonly metrics: Map<string, HeldMetric>;
  /** Every row as it became visible, in order: `param k=v`, `metric k@step`, `tag k=v`. */
  readonly journal: string[];
}

/** Another writer that stores the same new key in the moment between the server's look and its insert. */
interface Race {
  readonly runId: string;
  readonly key: string;
  readonly value: string;
  readonly engine: 'sqlite' | 'postgres';
  fired: number;
}

const PAIR: Schema = { key: 'text', value: 'text' };
const LOG_BATCH: Schema = {
  run_id: 'text',
  metrics: [{ key: 'text', value: 'real', timestamp: 'integer', step: 'integer' }],
  params: [PAIR],
  tags: [PAIR],
};
const CREATE_RUN: Schema = { experiment_id: 'text', user_id: 'text', run_name: 'text', start_time: 'integer', tags: [PAIR] };
const UPDATE_RUN: Schema = { run_id: 'text', status: 'status', end_time: 'integer', run_name: 'text' };
const RUN_ID = /^[a-zA-Z0-9][\w-]{0,255}$/;

/** SQLAlchemy's, before the database's own words. */
const AUTOFLUSH =
  '(raised as a result of Query-invoked autoflush; consider using a session.no_autoflush block if this flush is occurring prematurely)\n';

export class MlflowState {
  readonly experiments: Map<string, HeldExperiment> = new Map();
  readonly runs: Map<string, HeldRun> = new Map();
  /** As 2.22.5 stores metrics (mlflow/mlflow#19144, #24577): repeating some of them is an error. */
  readonly olderMetrics: boolean;
  private readonly races: Race[] = [];

  constructor(olderMetrics: boolean) {
    this.olderMetrics = olderMetrics;
    this.experiments.set('0', { id: '0', name: 'Default', deleted: false });
  }

  /** A call below `/api/2.0/mlflow/`. Throws a Refusal, or Unhandled. */
  call(method: string, path: string, query: URLSearchParams, body: Readonly<Record<string, unknown>>): Answer {
    const wanted = METHODS[path];
    if (wanted === undefined) return NOT_FOUND;
    if (!wanted.includes(method)) return WRONG_METHOD;
    const asked = method === 'GET' ? Object.fromEntries(query) : body;
    switch (path) {
      case 'experiments/create':
        return json({ experiment_id: this.createExperiment(asked) });
      case 'experiments/get':
        return json({ experiment: shownExperiment(this.experimentById(text(asked, 'experiment_id'))) });
      case 'experiments/get-by-name':
        return json({ experiment: shownExperiment(this.experimentByName(text(asked, 'experiment_name'))) });
      case 'experiments/search':
        return json(this.searchExperiments(asked));
      case 'runs/create':
        return json({ run: this.shownRun(this.createRun(asked)) });
      case 'runs/get':
        return json({ run: this.shownRun(this.run(text(asked, 'run_id'))) });
      case 'runs/update':
        return json({ run_info: this.shownInfo(this.updateRun(asked)) });
      case 'runs/delete':
        this.run(text(asked, 'run_id')).deleted = true;
        return json({});
      case 'runs/search':
        return json(this.searchRuns(asked));
      case 'metrics/get-history':
        return json(this.history(asked));
      default:
        this.logBatch(asked);
        return json({});
    }
  }

  // What tests do behind the server's back.

  addExperiment(name: string): HeldExperiment {
    const experiment = { id: String(this.experiments.size), name, deleted: false };
    this.experiments.set(experiment.id, experiment);
    return experiment;
  }

  addRun(run: Partial<HeldRun> = {}): HeldRun {
    const id = randomUUID().replaceAll('-', '');
    const held: HeldRun = {
      id,
      experimentId: '0',
      userId: '',
      startTime: 0,
      name: 'placid-shrew-1',
      status: 'RUNNING',
      endTime: undefined,
      deleted: false,
      params: new Map(),
      tags: new Map(),
      metrics: new Map(),
      journal: [],
      ...run,
    };
    this.runs.set(held.id, held);
    return held;
  }

  race(race: Omit<Race, 'fired'>): { readonly fired: number } {
    const held = { ...race, fired: 0 };
    this.races.push(held);
    return held;
  }

  isDeleted(run: HeldRun): boolean {
    return run.deleted || this.experiments.get(run.experimentId)?.deleted === true;
  }

  activeRuns(): HeldRun[] {
    return [...this.runs.values()].filter((run) => !this.isDeleted(run));
  }

  /** By MLflow's rule: the greatest by step, then timestamp, then value, NaN as 0. */
  latest(run: HeldRun): HeldMetric[] {
    const latest = new Map<string, HeldMetric>();
    for (const row of run.metrics.values()) {
      const held = latest.get(row.key);
      if (held === undefined || isGreater(row, held)) latest.set(row.key, row);
    }
    return [...latest.values()];
  }

  // Experiments

  private createExperiment(asked: Message): string {
    const name = text(asked, 'name');
    if (name === '') throw missing('name');
    if (codePoints(name) > 500) throw invalid("'name' exceeds the maximum length of 500 characters");
    if ([...this.experiments.values()].some((experiment) => experiment.name === name)) {
      throw new Refusal(
        'RESOURCE_ALREADY_EXISTS',
        `Experiment(name=${name}) already exists. Error: ${this.olderMetrics ? AUTOFLUSH : ''}(sqlite3.IntegrityError) UNIQUE constraint failed: experiments.workspace, experiments.name`,
      );
    }
    return this.addExperiment(name).id;
  }

  private experimentById(id: string): HeldExperiment {
    const experiment = this.experiments.get(id);
    if (experiment !== undefined) return experiment;
    if (!/^\d+$/.test(id) && !this.olderMetrics) {
      throw invalid(`Invalid experiment ID '${id}'. Experiment ID must be a valid integer.`);
    }
    throw new Refusal('RESOURCE_DOES_NOT_EXIST', `No Experiment with id=${id} exists`);
  }

  private experimentByName(name: string): HeldExperiment {
    if (name === '') throw missing('experiment_name');
    for (const experiment of this.experiments.values()) if (experiment.name === name) return experiment;
    throw new Refusal('RESOURCE_DOES_NOT_EXIST', `Could not find experiment with name '${name}'`);
  }

  private searchExperiments(asked: Message): unknown {
    const most = Number(asked['max_results'] ?? 0);
    if (!(most > 0)) throw invalid("Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer");
    const view = text(asked, 'view_type') || 'ACTIVE_ONLY';
    const found = [...this.experiments.values()].filter(({ deleted }) => view === 'ALL' || deleted === (view === 'DELETED_ONLY'));
    const from = Number(text(asked, 'page_token'));
    const shown = found.slice(from, from + most).map(shownExperiment);
    if (shown.length === 0) return {};
    return { experiments: shown, ...(from + most < found.length ? { next_page_token: String(from + most) } : {}) };
  }

  // Runs

  private createRun(asked: Message): HeldRun {
    const message = readLeniently(CREATE_RUN, asked);
    const experimentId = text(message, 'experiment_id');
    if (asked['experiment_id'] === undefined) {
      throw new Refusal('BAD_REQUEST', `${AUTOFLUSH}(sqlite3.IntegrityError) FOREIGN KEY constraint failed`);
    }
    if (typeof asked['experiment_id'] !== 'string') throw wrongValue(asked['experiment_id'], 'experiment_id');
    const experiment = this.experimentById(experimentId);
    if (experiment.deleted) {
      throw invalid(`The experiment ${experimentId} must be in the 'active' state. Current state is deleted.`);
    }
    // Keys of tags are not looked at here, unlike in log-batch.
    const tags = new Map(pairsOf(message, 'tags').map(({ key, value }) => [key, cut(value, 8000)]));
    const [name, tagged] = [text(message, 'run_name'), tags.get('mlflow.runName') ?? ''];
    if (name !== '' && tagged !== '' && name !== tagged) {
      throw invalid(
        "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values " +
          `(run_name='${name}', mlflow.runName='${tagged}').`,
      );
    }
    const chosen = name || tagged || `placid-shrew-${this.runs.size % 1000}`;
    tags.set('mlflow.runName', chosen);
    return this.addRun({
      experimentId,
      userId: text(message, 'user_id'),
      startTime: Number(message['start_time']),
      name: chosen,
      tags,
    });
  }

  run(id: string): HeldRun {
    if (id === '') throw missing('run_id');
    const run = this.runs.get(id);
    if (run === undefined) throw new Refusal('RESOURCE_DOES_NOT_EXIST', `Run with id=${id} not found`);
    return run;
  }

  private activeRun(id: string): HeldRun {
    const run = this.run(id);
    if (this.isDeleted(run)) throw invalid(`The run ${id} must be in the 'active' state. Current state is deleted.`);
    return run;
  }

  private updateRun(asked: Message): HeldRun {
    const message = readLeniently(UPDATE_RUN, asked);
    const run = this.activeRun(text(message, 'run_id'));
    const status = message['status'];
    if (typeof status === 'string') run.status = status;
    if (Number(message['end_time']) !== 0) run.endTime = Number(message['end_time']);
    const name = text(message, 'run_name');
    if (name !== '') {
      run.name = name;
      run.tags.set('mlflow.runName', name);
    }
    return run;
  }

  private searchRuns(asked: Message): unknown {
    const most = Number(asked['max_results'] ?? 1000);
    if (most > 50_000) {
      throw invalid(
        `Invalid value ${most} for parameter 'max_results' supplied:  Hint: Value was of type 'int'. See the API docs for ` +
          'more information about request parameters.',
      );
    }
    const ids = asked['experiment_ids'];
    const experiments: readonly unknown[] = Array.isArray(ids) ? ids : [];
    const searched = { older: this.olderMetrics, latest: (run: HeldRun) => this.latest(run) };
    const conditions = conditionsOf(text(asked, 'filter'), searched);
    const view = text(asked, 'run_view_type') || 'ACTIVE_ONLY';
    const found = [...this.runs.values()].filter(
      (run) =>
        experiments.includes(run.experimentId) &&
        (view === 'ALL' || this.isDeleted(run) === (view === 'DELETED_ONLY')) &&
        conditions.every((holds) => holds(run)),
    );
    const orderBy: readonly unknown[] = Array.isArray(asked['order_by']) ? asked['order_by'] : [];
    const runs = sorted(found, orderBy.map(String), searched);
    const from = offsetOf(text(asked, 'page_token'));
    const shown = runs.slice(from, from + most).map((run) => this.shownRun(run));
    if (shown.length === 0) return {};
    return { runs: shown, ...(from + most < runs.length ? { next_page_token: pageToken(from + most) } : {}) };
  }

  /** In no version as it is documented: 2.22.5 minds no limit, 3.4.0 and 3.12.0 give nothing where none is asked for. */
  private history(asked: Message): unknown {
    const run = this.runs.get(text(asked, 'run_id'));
    const key = text(asked, 'metric_key');
    if (text(asked, 'run_id') === '') throw missing('run_id');
    const rows = [...(run?.metrics.values() ?? [])]
      .filter((row) => row.key === key)
      .sort((a, b) => a.timestamp - b.timestamp || a.step - b.step || (a.value || 0) - (b.value || 0));
    const most = this.olderMetrics ? rows.length : Number(asked['max_results'] ?? 0);
    if (asked['max_results'] === '0') throw invalid("Invalid value 0 for parameter 'max_results' supplied.");
    const from = offsetOf(text(asked, 'page_token'));
    const shown = rows.slice(from, from + most).map(shownMetric);
    return {
      ...(shown.length > 0 ? { metrics: shown } : {}),
      ...(from + most < rows.length ? { next_page_token: pageToken(from + most) } : {}),
    };
  }

  private logBatch(asked: Message): void {
    checkFields(asked);
    const message = readLeniently(LOG_BATCH, asked);
    const id = text(message, 'run_id');
    if (!RUN_ID.test(id)) throw invalid(`Invalid value ${JSON.stringify(id)} for parameter 'run_id' supplied.`);
    const metrics = metricsOf(message);
    const params = pairsOf(message, 'params').map(({ key, value }) => ({ key, value: cut(value, 6000) }));
    const tags = pairsOf(message, 'tags').map(({ key, value }) => ({ key, value: cut(value, 8000) }));
    checkBatch(metrics, params, tags);
    const run = this.activeRun(id);
    // Each in a transaction of its own: what fails later leaves the earlier ones written.
    this.storeParams(run, params);
    this.storeMetrics(run, metrics);
    for (const { key, value } of tags) {
      if (key === 'mlflow.runName') {
        if (value === '') continue;
        run.name = value;
      }
      run.tags.set(key, value);
      run.journal.push(`tag ${key}=${value}`);
    }
  }

  private storeParams(run: HeldRun, params: readonly Pair[]): void {
    const conflicts = params.filter(({ key, value }) => run.params.has(key) && run.params.get(key) !== value);
    if (conflicts.length > 0) {
      const listed = conflicts.map(
        ({ key, value }) => `{'key': ${repr(key)}, 'old_value': ${repr(run.params.get(key) ?? '')}, 'new_value': ${repr(value)}}`,
      );
      throw invalid(
        `Changing param values is not allowed. Params were already logged='[${listed.join(', ')}]' for run ID='${run.id}'.`,
      );
    }
    for (const [index, race] of this.races.entries()) {
      if (race.runId !== run.id || run.params.has(race.key) || !params.some(({ key }) => key === race.key)) continue;
      this.races.splice(index, 1);
      race.fired++;
      run.params.set(race.key, race.value);
      throw new Refusal(
        'BAD_REQUEST',
        race.engine === 'sqlite'
          ? '(sqlite3.IntegrityError) UNIQUE constraint failed: params.key, params.run_uuid\n[SQL: INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)]'
          : `(psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint "param_pk"\nDETAIL:  Key (key, run_uuid)=(${race.key}, ${run.id}) already exists.\n`,
      );
    }
    for (const { key, value } of params) {
      if (!run.params.has(key)) run.journal.push(`param ${key}=${value}`);
      run.params.set(key, value);
    }
  }

  private storeMetrics(run: HeldRun, metrics: readonly HeldMetric[]): void {
    if (this.olderMetrics) {
      const rows = metrics.map((row) => ({ row, id: rowId(row) }));
      const stored = rows.filter(({ id }) => run.metrics.has(id));
      const nans = rows.filter(({ row }) => Number.isNaN(row.value)).map(({ id }) => id);
      const twice = new Set(nans).size < nans.length || nans.some((id) => run.metrics.has(id));
      if (twice || (stored.length > 0 && new Set(metrics.map(({ key }) => key)).size > 100)) {
        throw new Refusal(
          'BAD_REQUEST',
          `${AUTOFLUSH}(sqlite3.IntegrityError) UNIQUE constraint failed: metrics.key, metrics.timestamp, metrics.step, ` +
            'metrics.run_uuid, metrics.value, metrics.is_nan\n[SQL: INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?)]',
        );
      }
    }
    for (const row of metrics) {
      if (!run.metrics.has(rowId(row))) run.journal.push(`metric ${row.key}@${row.step}`);
      run.metrics.set(rowId(row), row);
    }
  }

  // As shown

  private shownRun(run: HeldRun): unknown {
    const metrics = this.latest(run).map(shownMetric);
    const lists = { metrics, params: shownPairs(run.params), tags: shownPairs(run.tags) };
    // What is empty is left out.
    const data = Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0));
    return { info: this.shownInfo(run), data, inputs: {}, ...(this.olderMetrics ? {} : { outputs: {} }) };
  }

  private shownInfo(run: HeldRun): unknown {
    return {
      run_uuid: run.id,
      experiment_id: run.experimentId,
      run_name: run.name,
      user_id: run.userId,
      status: run.status,
      start_time: run.startTime,
      ...(run.endTime === undefined ? {} : { end_time: run.endTime }),
      artifact_uri: `mlflow-artifacts:/${run.experimentId}/${run.id}/artifacts`,
      lifecycle_stage: this.isDeleted(run) ? 'deleted' : 'active',
      run_id: run.id,
    };
  }
}

interface Pair {
  readonly key: string;
  readonly value: string;
}

const METHODS: Readonly<Record<string, readonly string[]>> = {
  'experiments/create': ['POST'],
  'experiments/get': ['GET'],
  'experiments/get-by-name': ['GET'],
  'experiments/search': ['POST', 'GET'],
  'runs/create': ['POST'],
  'runs/get': ['GET'],
  'runs/update': ['POST'],
  'runs/delete': ['POST'],
  'runs/search': ['POST'],
  'metrics/get-history': ['GET'],
  'runs/log-batch': ['POST'],
};

function text(message: Message, field: string): string {
  const value = message[field];
  return typeof value === 'string' ? value : '';
}

function pairsOf(message: Message, field: string): Pair[] {
  // The schema's lists hold messages.
  return (message[field] as Message[]).map((item) => ({ key: text(item, 'key'), value: text(item, 'value') }));
}

function metricsOf(message: Message): HeldMetric[] {
  // The schema's lists hold messages.
  return (message['metrics'] as Message[]).map((item) => {
    const value = Number(item['value']);
    const stored = Number.isNaN(value) ? value : Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value)) + 0;
    return { key: text(item, 'key'), value: stored, timestamp: Number(item['timestamp']), step: Number(item['step']) };
  });
}

/** What is judged on the JSON itself, before it is read leniently. */
function checkFields(asked: Message): void {
  const id = asked['run_id'];
  if (id === undefined || id === null || id === '') throw missing('run_id');
  for (const field of ['metrics', 'params', 'tags']) {
    const list = asked[field];
    if (list === undefined) continue;
    if (list === null) throw new Unhandled(`${field} is null`);
    if (!Array.isArray(list)) throw wrongValue(list, field);
    for (const [index, item] of list.entries()) {
      if (!isObject(item)) throw new Unhandled(`${field}[${index}] is no object`);
      for (const part of field === 'metrics' ? ['key', 'value', 'timestamp'] : ['key']) {
        if (item[part] === undefined || item[part] === null || item[part] === '') throw missing(`${field}[${index}].${part}`);
      }
    }
  }
}

function wrongValue(value: unknown, parameter: string): Refusal {
  const type = Array.isArray(value) ? 'list' : { string: 'str', number: 'int', boolean: 'bool' }[typeof value as string];
  return invalid(
    `Invalid value ${JSON.stringify(value)} for parameter '${parameter}' supplied:  Hint: Value was of type '${type ?? 'dict'}'. ` +
      'See the API docs for more information about request parameters.',
  );
}

function checkBatch(metrics: readonly HeldMetric[], params: readonly Pair[], tags: readonly Pair[]): void {
  const keys = [
    ...metrics.map(({ key }, i) => keyRefusal(key, `metrics[${i}].name`, 'Metric name')),
    ...params.map(({ key }, i) => keyRefusal(key, `params[${i}].key`, 'Param key')),
    ...tags.map(({ key }, i) => keyRefusal(key, `tags[${i}].key`, `tags[${i}].key`)),
  ];
  const refusal = keys.find((each) => each !== undefined);
  if (refusal !== undefined) throw refusal;
  for (const [i, { key, value, timestamp }] of metrics.entries()) {
    if (timestamp >= 0) continue;
    const shown = Number.isInteger(value) ? `${value}.0` : String(value);
    throw invalid(
      `Invalid value ${timestamp} for parameter 'metrics[${i}].timestamp' supplied: metric '${key}' (value=${shown}). ` +
        'Timestamp must be a nonnegative long (64-bit integer) ',
    );
  }
  const counts = [
    ['params', params.length, 100],
    ['metrics', metrics.length, 1000],
    ['tags', tags.length, 100],
    ['metrics, params, and tags', params.length + metrics.length + tags.length, 1000],
  ] as const;
  for (const [what, count, most] of counts) {
    if (count <= most) continue;
    throw invalid(
      `A batch logging request can contain at most ${most} ${what}. Got ${count} ${what}. Please split up ${what} across ` +
        'multiple requests and try again.',
    );
  }
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { key } of params) (seen.has(key) ? repeated : seen).add(key);
  if (repeated.size === 0) return;
  const listed = [...repeated].map(repr).join(', ');
  throw invalid(
    `Duplicate parameter keys have been submitted: [${listed}]. Please ensure the request contains only one param value per param key.`,
  );
}

function rowId({ key, timestamp, step, value }: HeldMetric): string {
  return JSON.stringify([key, timestamp, step, String(value)]);
}

function isGreater(a: HeldMetric, b: HeldMetric): boolean {
  const value = (row: HeldMetric): number => (Number.isNaN(row.value) ? 0 : row.value);
  if (a.step !== b.step) return a.step > b.step;
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp;
  return value(a) > value(b);
}

function shownExperiment({ id, name, deleted }: HeldExperiment): unknown {
  return {
    experiment_id: id,
    name,
    artifact_location: `mlflow-artifacts:/${id}`,
    lifecycle_stage: deleted ? 'deleted' : 'active',
    last_update_time: 1_700_000_000_000,
    creation_time: 1_700_000_000_000,
  };
}

function shownMetric({ value, ...row }: HeldMetric): unknown {
  return { ...row, value: Number.isNaN(value) ? 'NaN' : value };
}

function shownPairs(pairs: ReadonlyMap<string, string>): { key: string; value: string }[] {
  return [...pairs].map(([key, value]) => ({ key, value }));
}
