/**
 * A batch on its way to the server: cut into requests, and when a request is refused as a whole, taken
 * apart until each item has landed or is known to be the one at fault.
 */
import pRetry from 'p-retry';
import { type HeadraceError, ParamConflictError } from '../../errors.js';
import type { BatchLimits } from '../../options.js';
import { PARENT_RUN_TAG } from '../run-tags.js';
import { type Batch, type Item, type Outcome, StoreBusyError } from '../store.js';
import { ApiBusyError, ApiRefusal, type MlflowApi } from './api.js';
import { type Request, requests } from './log-batch.js';
import { hasStoredMetric, isRace, namedPlace, refusedBy } from './refusal.js';
import type { RunState } from './run-state.js';
import type { Runs } from './runs.js';

/** How often a request is sent again that lost a race with another writer: each time the other has written something. */
const RACES = 5;

/** A 500 may be the moment's, or an item's that the server can't digest. So many tries, this far apart, tell them apart. */
const POISON_TRIES = 3;
const POISON_PAUSE_MS = 200;

/** Says when headrace made sure that the run takes records, because the server failed on some; its writing is the test. */
const CHECKED_TAG = 'headrace.checked';

export class Batches {
  private readonly api: MlflowApi;
  private readonly runs: Runs;
  private readonly limits: BatchLimits;
  /**
   * By a batch's items, which come again unchanged when a request had no answer: taking a batch apart needs several
   * requests, and would never end if it began anew at every fault.
   */
  private readonly unfinished = new WeakMap<readonly Item[], Landing>();

  constructor(api: MlflowApi, runs: Runs, limits: BatchLimits) {
    this.api = api;
    this.runs = runs;
    this.limits = limits;
  }

  async land({ runId, items, triedBefore }: Batch): Promise<readonly Outcome[]> {
    const state = this.runs.state(runId);
    if (triedBefore === true) state.doubt(items);
    const begun = this.unfinished.get(items);
    const landing =
      begun?.state === state ? begun : new Landing(this.api, this.runs, this.limits, state, await this.withServerIds(items));
    this.unfinished.set(items, landing);
    const outcomes = await landing.outcomes();
    if (items.some(({ kind, key }) => kind === 'tag' && state.doubtful.has(key))) await this.settleTags(state);
    this.unfinished.delete(items);
    // Nobody waits for it: what landed has landed. What fails now is looked for again, and at the end of the run.
    this.runs.removeTwin(state, false).catch(() => undefined);
    return outcomes;
  }

  /**
   * A try without an answer may be done late, and then its tags stand where later ones should. Reads them, and
   * writes again what was overtaken.
   */
  async settleTags(state: RunState): Promise<void> {
    for (let round = 0; state.doubtful.size > 0; round++) {
      const stored = new Map((await this.runs.get(state.id))?.data?.tags?.map(({ key, value }) => [key, value]));
      const overtaken: Item[] = [];
      for (const [key, tries] of state.doubtful) {
        const [value, wanted] = [stored.get(key), state.wanted.get(key)];
        // Any other value is another writer's.
        if (value !== undefined && wanted !== undefined && value !== wanted && tries.has(value)) {
          overtaken.push({ kind: 'tag', key, value: wanted });
        }
      }
      if (overtaken.length === 0) return;
      if (round === RACES) throw new StoreBusyError('tags that were tried before keep coming back', { scope: 'run' });
      await new Landing(this.api, this.runs, this.limits, state, overtaken).outcomes();
    }
  }

  /** Users know a parent by either id; others can follow the server's only. */
  private async withServerIds(items: readonly Item[]): Promise<readonly Item[]> {
    if (!items.some(isParentTag)) return items;
    return Promise.all(
      items.map(async (item) => (isParentTag(item) ? { ...item, value: await this.runs.serverId(item.value) } : item)),
    );
  }
}

function isParentTag(item: Item): item is Item & { kind: 'tag' } {
  return item.kind === 'tag' && item.key === PARENT_RUN_TAG;
}

/** One batch. */
class Landing {
  private readonly api: MlflowApi;
  private readonly runs: Runs;
  private readonly limits: BatchLimits;
  readonly state: RunState;
  private readonly items: readonly Item[];
  private readonly found: Outcome[];
  /** Places that have landed or are refused. */
  private readonly settled = new Set<number>();
  /** Refuses whatever is left. */
  private over: HeadraceError | undefined;

  constructor(api: MlflowApi, runs: Runs, limits: BatchLimits, state: RunState, items: readonly Item[]) {
    this.api = api;
    this.runs = runs;
    this.limits = limits;
    this.state = state;
    this.items = items;
    this.found = items.map(() => undefined);
  }

  async outcomes(): Promise<readonly Outcome[]> {
    const places = this.items.map((_item, place) => place).filter((place) => !this.settled.has(place));
    await this.send(this.withoutConflicts(places));
    return this.found;
  }

  private async send(places: readonly number[], races: number = RACES): Promise<void> {
    for await (const request of requests(this.state.id, this.items, places, this.limits)) {
      if (this.over === undefined) await this.sendOne(request, races);
      else this.refuse(request.places, this.over);
    }
  }

  private async sendOne(request: Request, races: number): Promise<void> {
    let refusal: ApiRefusal;
    try {
      await this.post(request);
      this.note(request.places);
      this.settle(request.places);
      return;
    } catch (error) {
      if (!(error instanceof ApiRefusal)) throw error;
      refusal = error;
    }
    if (refusal.status !== 413 && refusal.status !== 500 && !hasStoredMetric(refusal)) {
      const stored = await this.runs.get(this.state.id);
      const ofRun = this.runs.refusal(this.state.id, stored);
      if (ofRun !== undefined) {
        this.over = ofRun;
        this.refuse(request.places, ofRun);
        return;
      }
      this.state.remember(new Map(stored?.data?.params?.map(({ key, value }) => [key, value])));
      const left = this.withoutConflicts(request.places);
      if (left.length < request.places.length) return await this.send(left);
      if (isRace(refusal) && races > 0) return await this.send(left, races - 1);
    }
    await this.takeApart(request, refusal);
  }

  /** Nothing more is known: the fault is found by sending less, in the order logged. */
  private async takeApart(request: Request, refusal: ApiRefusal): Promise<void> {
    const { places } = request;
    const [only] = places;
    if (only !== undefined && places.length === 1) {
      const isStored = hasStoredMetric(refusal) && this.items[only]?.kind === 'metric';
      if (isStored) this.settle(places);
      else this.refuse(places, refusedBy(this.state.id, refusal));
      return;
    }
    for (const part of this.parts(request, refusal)) {
      if (part.length > 0) await this.send(part);
    }
  }

  private parts(request: Request, refusal: ApiRefusal): readonly (readonly number[])[] {
    const { places } = request;
    const nanRows = hasStoredMetric(refusal) ? places.filter((place) => this.isNaNRow(place)) : [];
    if (nanRows.length > 0 && nanRows.length < places.length) {
      return [places.filter((place) => !this.isNaNRow(place)), nanRows];
    }
    const named = namedPlace(refusal, request);
    const at = named === undefined ? -1 : places.indexOf(named);
    const half = places.length >>> 1;
    return at < 0
      ? [places.slice(0, half), places.slice(half)]
      : [places.slice(0, at), places.slice(at, at + 1), places.slice(at + 1)];
  }

  private async post(request: Request): Promise<void> {
    try {
      await this.tried(request);
    } catch (error) {
      if (!(error instanceof ApiBusyError) || error.status !== 500) throw error;
      // As long as the server fails on anything that is written, it is an outage and not an item's fault.
      await this.api.post('runs/log-batch', this.checkBody());
      throw new ApiRefusal(500, 'INTERNAL_ERROR', `${error.message}; ${POISON_TRIES} times, while the run took other records`);
    }
  }

  private tried(request: Request): Promise<unknown> {
    return pRetry(() => this.api.post('runs/log-batch', request.body, () => this.state.doubt(this.itemsAt(request.places))), {
      retries: POISON_TRIES - 1,
      minTimeout: POISON_PAUSE_MS,
      randomize: true,
      shouldRetry: ({ error }) => error instanceof ApiBusyError && error.status === 500,
    });
  }

  private checkBody(): string {
    const tag = { key: CHECKED_TAG, value: new Date().toISOString() };
    return JSON.stringify({ run_id: this.state.id, tags: [tag] });
  }

  /** The places that are left when params are refused whose key is known to be stored with another value. */
  private withoutConflicts(places: readonly number[]): readonly number[] {
    return places.filter((place) => {
      const item = this.items[place];
      if (item?.kind !== 'param') return true;
      const storedValue = this.state.storedParam(item.key);
      if (storedValue === undefined || storedValue === item.value) return true;
      this.found[place] = new ParamConflictError({ runId: this.state.id, key: item.key, storedValue, newValue: item.value });
      this.settled.add(place);
      return false;
    });
  }

  private refuse(places: readonly number[], error: HeadraceError): void {
    for (const place of places) this.found[place] ??= error;
    this.settle(places);
  }

  private settle(places: readonly number[]): void {
    for (const place of places) this.settled.add(place);
  }

  /** They have landed. */
  private note(places: readonly number[]): void {
    for (const place of places) {
      const item = this.items[place];
      if (item?.kind === 'tag' && this.state.doubtful.has(item.key)) this.state.wanted.set(item.key, item.value);
      else if (item?.kind === 'param') this.state.rememberLanded(item);
    }
  }

  private itemsAt(places: readonly number[]): Item[] {
    return places.map((place) => this.items[place] as Item); // places are of these items
  }

  private isNaNRow(place: number): boolean {
    const item = this.items[place];
    return item?.kind === 'metric' && Number.isNaN(item.value);
  }
}
