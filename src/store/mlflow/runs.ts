/** Runs of the server: made, found again, resumed, ended. */
import { type HeadraceError, RunDeletedError, RunNotFoundError } from '../../errors.js';
import { cutToCodePoints } from '../../params/length.js';
import { TAG_VALUE_CODE_POINTS } from '../../params/limits.js';
import { RUN_ID } from '../run-id.js';
import { OWN_ID_TAG, PARENT_RUN_TAG, RUN_NAME_TAG } from '../run-tags.js';
import type { NewRun, RunEnd, RunStatus } from '../store.js';
import { type Answer, ApiBusyError, ApiRefusal, type MlflowApi, notMlflow } from './api.js';
import type { Experiments } from './experiments.js';
import { refusedBy } from './refusal.js';
import { RunState } from './run-state.js';

/** Servers and our own ids that are remembered, for children that name their parent by ours; about 2 MB. */
const REMEMBERED_IDS = 10_000;

/** Experiments that are searched in one call. */
const EXPERIMENTS_PER_SEARCH = 100;

/** A first try that is still on its way is looked for as often as this at first, then ever less. */
const TWIN_MS = 1000;
const TWIN_LONGEST_MS = 60_000;

interface TextEntry {
  readonly key: string;
  readonly value: string;
}

/** MLflow's API. Empty fields are left out. */
export interface StoredRun {
  readonly info: { readonly run_id: string; readonly status: string; readonly lifecycle_stage: string };
  readonly data?: { readonly params?: readonly TextEntry[]; readonly tags?: readonly TextEntry[] };
}

export class Runs {
  private readonly api: MlflowApi;
  private readonly experiments: Experiments;
  private readonly states = new Map<string, RunState>();
  /** Our id → the server's. */
  private readonly ids = new Map<string, string>();
  /** Ids of ours whose creation may have been done without an answer. */
  private readonly inDoubt = new Set<string>();

  constructor(api: MlflowApi, experiments: Experiments) {
    this.api = api;
    this.experiments = experiments;
  }

  state(id: string): RunState {
    let state = this.states.get(id);
    if (state === undefined) {
      state = new RunState(id);
      this.states.set(id, state);
    }
    return state;
  }

  /** Undefined: the server has no such run. */
  async get(id: string): Promise<StoredRun | undefined> {
    try {
      return runOf('runs/get', await this.api.get('runs/get', { run_id: id }));
    } catch (error) {
      // 400: an id that can't be one of MLflow's.
      if (error instanceof ApiRefusal && (error.status === 404 || error.status === 400)) return undefined;
      throw error;
    }
  }

  /** Why the run takes no records, if it doesn't. */
  refusal(id: string, run: StoredRun | undefined): HeadraceError | undefined {
    if (run === undefined) return new RunNotFoundError({ runId: id });
    return run.info.lifecycle_stage === 'deleted' ? new RunDeletedError({ runId: id }) : undefined;
  }

  async create(run: NewRun): Promise<string> {
    const made = this.ids.get(run.id);
    // Asked again for what it has answered.
    if (made !== undefined && this.states.has(made)) return made;
    const experimentId = await this.experiments.choose(run.experiment);
    const body = await this.creation(run, experimentId);
    for (let again = false; ; again = true) {
      if (run.mayExist || this.inDoubt.has(run.id)) {
        const [found] = await this.withOwnId(run.id, [experimentId], 'ACTIVE_ONLY');
        if (found !== undefined) return this.use(run, found.info.run_id, experimentId);
      }
      try {
        return this.use(run, runOf('runs/create', await this.api.postOnce('runs/create', body)).info.run_id, experimentId);
      } catch (error) {
        if (error instanceof ApiRefusal) {
          this.experiments.forget();
          // It was there when it was chosen. If that is what the refusal is about, choosing anew says so.
          await this.experiments.choose(run.experiment);
          throw refusedBy(run.id, error);
        }
        if (!(error instanceof ApiBusyError) || !error.mayHaveLanded) throw error;
        this.inDoubt.add(run.id);
        // A kept connection that the server dropped: it was never a matter of the server's.
        if (!error.reset || again) throw error;
      }
    }
  }

  async resume(run: NewRun): Promise<string> {
    const { id, stored } = await this.lookUp(run.id);
    if (id === undefined) throw new RunNotFoundError({ runId: run.id });
    if (stored?.info.lifecycle_stage === 'deleted') {
      throw new RunDeletedError({ runId: run.id, ...(id === run.id ? {} : { storeId: id }) });
    }
    const tags = new Map(run.tags);
    const name = run.name || tags.get(RUN_NAME_TAG);
    // Setting the name sets the tag.
    tags.delete(RUN_NAME_TAG);
    const state = this.state(id);
    await this.update(state, { status: 'RUNNING', ...(name ? { run_name: name } : {}) });
    this.remember(run.id, id);
    return id;
  }

  async end({ runId, status, endTime, ifRunning = false }: RunEnd): Promise<void> {
    const state = this.state(runId);
    if (!ifRunning || (await this.isRunning(runId))) await this.setEnd(state, { status, end_time: endTime }, ifRunning);
    await this.removeTwin(state, true);
  }

  /** The run is over; what is remembered of it alone can go. */
  forget(id: string): void {
    this.states.delete(id);
  }

  /** The server's id for ours. */
  async find(ownId: string): Promise<string | undefined> {
    const known = this.ids.get(ownId);
    // Itself: nothing was found for it, or it is the server's own.
    if (known !== undefined && known !== ownId) return known;
    const found = (await this.ownRun(ownId))?.info.run_id;
    if (found !== undefined) this.remember(ownId, found);
    return found;
  }

  /** The server's id for either id of a run; as given for one that the server doesn't know. */
  async serverId(id: string): Promise<string> {
    const known = this.ids.get(id);
    if (known !== undefined) return known;
    const found = (await this.lookUp(id)).id ?? id;
    this.remember(id, found);
    return found;
  }

  /** Deletes the second one of a run that was made twice because the first try had no answer, once it turns up. */
  async removeTwin(state: RunState, now: boolean): Promise<void> {
    const { twin } = state;
    if (twin === undefined || (!now && performance.now() < twin.lookAt)) return;
    twin.lookAt = performance.now() + twin.pauseMs;
    twin.pauseMs = Math.min(2 * twin.pauseMs, TWIN_LONGEST_MS);
    for (const { info } of await this.withOwnId(twin.ownId, [twin.experimentId], 'ACTIVE_ONLY')) {
      if (info.run_id !== state.id) await this.api.post('runs/delete', JSON.stringify({ run_id: info.run_id }));
    }
  }

  private async isRunning(id: string): Promise<boolean> {
    const info = (await this.get(id))?.info;
    return info?.status === 'RUNNING' && info.lifecycle_stage !== 'deleted';
  }

  /** `mayBeGone`: that it was deleted meanwhile is no error. */
  private async setEnd(state: RunState, end: { status: RunStatus; end_time: number }, mayBeGone: boolean): Promise<void> {
    try {
      const wasInDoubt = state.statusInDoubt;
      await this.update(state, end);
      // An earlier try without an answer may have come in behind.
      if (wasInDoubt && (await this.get(state.id))?.info.status !== end.status) await this.update(state, end);
    } catch (error) {
      if (!(error instanceof ApiRefusal)) throw error;
      const refusal = this.refusal(state.id, await this.get(state.id));
      if (refusal === undefined || !mayBeGone) throw refusal ?? refusedBy(state.id, error);
    }
  }

  private async creation(run: NewRun, experimentId: string): Promise<string> {
    const tags = new Map(run.tags);
    const name = run.name || tags.get(RUN_NAME_TAG);
    // Name and tag may not differ; without a name the server makes one up, with a tag of it.
    tags.delete(RUN_NAME_TAG);
    const parent = tags.get(PARENT_RUN_TAG);
    if (parent !== undefined) tags.set(PARENT_RUN_TAG, await this.serverId(parent));
    tags.set(OWN_ID_TAG, run.id);
    return JSON.stringify({
      experiment_id: experimentId,
      user_id: run.userId || 'unknown',
      ...(name ? { run_name: name } : {}),
      start_time: run.startTime,
      // Those of the environment have been through no check. The server cuts what is longer, and drops the rest after half a surrogate pair.
      tags: [...tags].map(([key, value]) => ({
        key: key.toWellFormed(),
        value: cutToCodePoints(value.toWellFormed(), TAG_VALUE_CODE_POINTS),
      })),
    });
  }

  private use({ id: ownId, mayExist }: NewRun, id: string, experimentId: string): string {
    const state = this.state(id);
    if (this.inDoubt.delete(ownId) || mayExist) {
      state.twin = { ownId, experimentId, lookAt: performance.now() + TWIN_MS, pauseMs: 2 * TWIN_MS };
    }
    this.remember(ownId, id);
    return id;
  }

  private remember(ownId: string, id: string): void {
    this.ids.set(ownId, id);
    if (this.ids.size <= REMEMBERED_IDS) return;
    const [oldest] = this.ids.keys();
    if (oldest !== undefined) this.ids.delete(oldest);
  }

  /** By the server's id, else by ours. */
  private async lookUp(id: string): Promise<{ id?: string; stored?: StoredRun }> {
    let forbidden: unknown;
    try {
      const stored = await this.get(this.ids.get(id) ?? id);
      if (stored !== undefined) return { id: stored.info.run_id, stored };
    } catch (error) {
      // MLflow 3.17 answers so, too, for a run that it doesn't have, unless an administrator asks.
      if (!(error instanceof ApiBusyError) || error.status !== 403) throw error;
      forbidden = error;
    }
    const found = await this.ownRun(id);
    if (found !== undefined) return { id: found.info.run_id, stored: found };
    if (forbidden !== undefined) throw forbidden;
    return {};
  }

  /** Of all experiments. */
  private async ownRun(ownId: string): Promise<StoredRun | undefined> {
    const experiments = await this.experiments.ids();
    for (let i = 0; i < experiments.length; i += EXPERIMENTS_PER_SEARCH) {
      const found = await this.withOwnId(ownId, experiments.slice(i, i + EXPERIMENTS_PER_SEARCH), 'ALL');
      // Deleted ones are surplus, unless there is nothing else.
      const best = found.find(({ info }) => info.lifecycle_stage !== 'deleted') ?? found[0];
      if (best !== undefined) return best;
    }
    return undefined;
  }

  private async withOwnId(
    ownId: string,
    experimentIds: readonly string[],
    view: 'ALL' | 'ACTIVE_ONLY',
  ): Promise<readonly StoredRun[]> {
    // Letters, digits, - and _ only: it needs no quoting.
    const filter = `tags.\`${OWN_ID_TAG}\` = '${ownId}'`;
    const body = JSON.stringify({ experiment_ids: experimentIds, filter, run_view_type: view, max_results: 100 });
    // MLflow's API.
    return ((await this.api.post('runs/search', body)) as { runs?: readonly StoredRun[] }).runs ?? [];
  }

  private async update(state: RunState, fields: Readonly<Record<string, string | number>>): Promise<void> {
    await this.api.post('runs/update', JSON.stringify({ run_id: state.id, ...fields }), () => {
      state.statusInDoubt = true;
    });
  }
}

function runOf(path: string, answer: Answer): StoredRun {
  // MLflow's API; anything else that speaks JSON has no run with an id like that.
  const { run } = answer as { run?: StoredRun };
  if (typeof run?.info?.run_id === 'string' && RUN_ID.test(run.info.run_id)) return run;
  throw notMlflow(path, answer);
}
