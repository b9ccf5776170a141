/** Runs of an MLflow server, over its REST API. */
import { StoreUnavailableError } from '../../errors.js';
import { type Answer, ApiBusyError, ApiRefusal, MlflowApi, notMlflow } from '../../store/mlflow/api.js';
import type { ServerSettings } from '../../store/mlflow/server-settings.js';
import { chosenExperiments, type Experiment } from '../experiments.js';
import { heldValue, matches } from '../filter/evaluate.js';
import { inOrderOf, type Order, type Ranked, rankOf } from '../order.js';
import { patiently } from '../patience.js';
import { closedRuns, type RunQuery, type RunRecord, type RunSource } from '../run-source.js';
import type { MetricPoint } from '../stored-run.js';
import { filterText, orderText } from './filter-text.js';
import { listOf, pointOf, type RestMetric, type RestRun, recordOf } from './rest-run.js';

export interface ServerRunsOptions {
  readonly server: ServerSettings;
  /** The server's address for messages. */
  readonly display: string;
  readonly patienceMs: number;
}

/** Runs of one answer at most; of 50 params each they are 2 MB. MLflow itself would give 50,000. */
const PAGE = 500;
/** It costs about the same to ask for a few as for some more, and what is asked for may be sifted here. */
const SHORTEST_PAGE = 50;

const EXPERIMENTS_PER_PAGE = 1000;

/** Experiments that are searched in one call; hosted servers have a limit. */
const EXPERIMENTS_PER_SEARCH = 100;

/** Values of a metric in one answer. */
const POINTS = 10_000;

/** What is asked of `runs/search` besides the page. */
interface Search {
  readonly filter: string;
  readonly orderBy: readonly string[];
  readonly max: number;
}

export class ServerRuns implements RunSource {
  private readonly options: ServerRunsOptions;
  private readonly api: MlflowApi;
  private isOpen = false;
  private isClosed = false;

  constructor(options: ServerRunsOptions) {
    this.options = options;
    this.api = new MlflowApi(options.server);
  }

  async get(id: string): Promise<RunRecord | undefined> {
    const run = await this.ask(async () => {
      try {
        const answer = await this.api.get('runs/get', { run_id: id });
        // MLflow's API; anything else that speaks JSON has no run in it.
        const { run: found } = answer as { run?: RestRun };
        if (typeof found?.info?.run_id !== 'string') throw notMlflow('runs/get', answer);
        return found;
      } catch (error) {
        // 400: an id that can't be one of MLflow's. 403: MLflow 3.17 says so of any that it doesn't have, unless an administrator asks.
        const status = error instanceof ApiRefusal || error instanceof ApiBusyError ? error.status : undefined;
        if (status === 400 || status === 403 || status === 404) return undefined;
        throw error;
      }
    });
    if (run === undefined || run.info.lifecycle_stage === 'deleted') return undefined;
    const experiment = (await this.experiments(undefined)).get(run.info.experiment_id);
    return experiment === undefined ? undefined : recordOf(run, experiment.name);
  }

  async *search(query: RunQuery): AsyncGenerator<RunRecord, void, undefined> {
    const { filter, order, limit } = query;
    if (limit === 0) return;
    const experiments = await this.experiments(query.experiments);
    const orderBy = ownOrder(order);
    const streams = chunksOf([...experiments.keys()], EXPERIMENTS_PER_SEARCH).map((ids) => {
      const max = Math.min(PAGE, Math.max(limit, SHORTEST_PAGE));
      return this.found(ids, { filter: filter === undefined ? '' : filterText(filter), orderBy: orderBy ?? [], max });
    });
    const meant = async function* (runs: AsyncIterable<RestRun>): AsyncGenerator<RunRecord, void, undefined> {
      for await (const run of runs) {
        const record = recordOf(run, experiments.get(run.info.experiment_id)?.name ?? '');
        if (filter === undefined || matches(filter, record)) yield record;
      }
    };
    const [only] = streams;
    if (only === undefined) return;
    // What the server doesn't order, or orders in several lists, is gathered and ordered here.
    const runs = streams.length === 1 && orderBy !== undefined ? meant(only) : gathered(streams.map(meant), order);
    let left = limit;
    for await (const run of runs) {
      yield run;
      if (--left === 0) return;
    }
  }

  async history(id: string, key: string): Promise<readonly MetricPoint[]> {
    const points: MetricPoint[] = [];
    for (let token = ''; ; ) {
      const query = { run_id: id, metric_key: key, max_results: String(POINTS), ...(token === '' ? {} : { page_token: token }) };
      const answer = await this.ask(() => this.api.get('metrics/get-history', query));
      for (const metric of listOf<RestMetric>('metrics/get-history', answer, 'metrics')) points.push(pointOf(metric));
      token = nextToken(answer);
      if (token === '') return points;
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.api.close();
  }

  private async experiments(asked: readonly string[] | undefined): Promise<ReadonlyMap<string, Experiment>> {
    const all: Experiment[] = [];
    for (let token = ''; ; ) {
      const body = JSON.stringify({
        max_results: EXPERIMENTS_PER_PAGE,
        view_type: 'ACTIVE_ONLY',
        ...(token === '' ? {} : { page_token: token }),
      });
      const answer = await this.ask(() => this.api.post('experiments/search', body));
      const page = listOf<{ experiment_id: string; name: string }>('experiments/search', answer, 'experiments');
      all.push(...page.map(({ experiment_id: id, name }) => ({ id, name })));
      token = nextToken(answer);
      if (token === '') return chosenExperiments(all, asked);
    }
  }

  private async *found(experimentIds: readonly string[], search: Search): AsyncGenerator<RestRun, void, undefined> {
    // Runs that are made meanwhile push others on to the next page.
    const seen = new Set<string>();
    let asked = search;
    for (let token = ''; ; ) {
      let answer: Answer;
      try {
        answer = await this.page(experimentIds, asked, token);
      } catch (error) {
        if (asked.filter === '' || token !== '' || !isRefusal(error)) throw error;
        // It is not MLflow's own, and understands less. Everything is sifted here anyway.
        asked = { ...search, filter: '' };
        continue;
      }
      for (const run of listOf<RestRun>('runs/search', answer, 'runs')) {
        if (seen.has(run.info.run_id)) continue;
        seen.add(run.info.run_id);
        yield run;
      }
      token = nextToken(answer);
      if (token === '') return;
    }
  }

  private page(experimentIds: readonly string[], { filter, orderBy, max }: Search, token: string): Promise<Answer> {
    const body = JSON.stringify({
      experiment_ids: experimentIds,
      max_results: max,
      ...(filter === '' ? {} : { filter }),
      ...(orderBy.length === 0 ? {} : { order_by: orderBy }),
      ...(token === '' ? {} : { page_token: token }),
    });
    return this.ask(() => this.api.post('runs/search', body));
  }

  private ask<T>(call: () => Promise<T>): Promise<T> {
    const { display, patienceMs } = this.options;
    return patiently(display, patienceMs, async () => {
      if (this.isClosed) throw closedRuns(display);
      if (!this.isOpen) {
        // Nobody waits for a sign of life: this is the caller's own thread.
        this.api.open({ beat: () => undefined, pause: () => undefined });
        this.isOpen = true;
      }
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof ApiRefusal)) throw error;
        const reason = `it refused to answer (${error.errorCode}): ${error.message}`;
        throw new StoreUnavailableError({ store: display, reason }, { cause: error });
      }
    });
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof StoreUnavailableError && error.cause instanceof ApiRefusal;
}

/** As the server is asked for it; undefined: it has another order, or none. */
function ownOrder(order: Order): readonly string[] | undefined {
  const texts = new Set(order.map(orderText));
  // It refuses what it is told twice, which changes nothing but for the other direction.
  const names = new Set(order.map(({ operand: { of, key } }) => `${of} ${key}`));
  return texts.has(undefined) || names.size < order.length ? undefined : [...texts].filter((text) => text !== undefined);
}

async function* gathered(streams: readonly AsyncIterable<RunRecord>[], order: Order): AsyncGenerator<RunRecord, void, undefined> {
  const runs: (Ranked & { readonly record: RunRecord })[] = [];
  for (const stream of streams) {
    for await (const record of stream) {
      const ranks = order.map(({ operand }) => rankOf(operand, heldValue(record, operand)));
      runs.push({ id: record.id, startTime: record.startTime, ranks, record });
    }
  }
  for (const { record } of runs.sort(inOrderOf(order))) yield record;
}

function nextToken({ next_page_token: token }: Answer): string {
  return typeof token === 'string' ? token : '';
}

function chunksOf<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
