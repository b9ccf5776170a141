/** Runs in the PostgreSQL database of an MLflow server. */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { BatchRefusedError, HeadraceError, ParamConflictError } from '../../errors.js';
import {
  type Batch,
  type Item,
  type NewRun,
  type Outcome,
  type Pulse,
  type RunEnd,
  type Store,
  StoreBusyError,
} from '../store.js';
import { BatchRows } from './batch-rows.js';
import { Connections } from './connections.js';
import { Database } from './database.js';
import { ExperimentTable } from './experiment-table.js';
import { busy, isRowsFault } from './failure.js';
import { DIFFERENT_PARAMS, type LandedRow, landing, NEW_PARAMS } from './land-statement.js';
import { RunGuard, taking } from './run-guard.js';
import { RunTable } from './run-table.js';
import { checkSchema } from './schema-check.js';
import type { PostgresSettings } from './settings.js';

/** What is on its way when a lane stops may still have its answer; the end of the process waits 500 ms for the worker. */
const CLOSE_MS = 250;

export interface PostgresStoreOptions {
  readonly postgres: PostgresSettings;
  /** The store's name in messages. */
  readonly display: string;
  /** MLflow's rule: where nothing else is known, artifacts belong into `mlruns` under the current folder. */
  readonly cwd: string;
  readonly pulse: Pulse;
}

export class PostgresStore implements Store {
  readonly remote = true;
  private readonly display: string;
  private readonly pulse: Pulse;
  private readonly connections: Connections;
  private readonly database: Database;
  private readonly guard: RunGuard;
  private readonly runs: RunTable;
  private readonly calls = new Set<Promise<unknown>>();

  constructor({ postgres, display, cwd, pulse }: PostgresStoreOptions) {
    this.display = display;
    this.pulse = pulse;
    this.connections = new Connections(postgres);
    this.database = new Database(this.connections, postgres.namedStatements);
    this.guard = new RunGuard(this.database);
    const root = resolve(cwd, 'mlruns');
    // MLflow: a plain path, but on Windows a URI.
    const artifactRoot = process.platform === 'win32' ? pathToFileURL(root).href : root;
    this.runs = new RunTable(this.database, this.guard, new ExperimentTable(this.database, artifactRoot));
  }

  async open(): Promise<void> {
    this.pulse.pause();
    this.connections.load();
    this.pulse.beat();
    await this.underway(undefined, checkSchema(this.database, this.display));
  }

  async createRun(run: NewRun): Promise<string> {
    await this.underway(run.id, run.resume ? this.runs.resume(run) : this.runs.create(run));
    return run.id;
  }

  land(batch: Batch): Promise<readonly Outcome[]> {
    return this.underway(undefined, this.write(batch));
  }

  endRun(end: RunEnd): Promise<void> {
    return this.underway(end.runId, this.runs.end(end));
  }

  async close(): Promise<void> {
    const late = new AbortController();
    await Promise.race([
      Promise.allSettled(this.calls),
      sleep(CLOSE_MS, undefined, { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
    this.connections.close();
  }

  private async write({ runId, items, triedBefore = false }: Batch): Promise<readonly Outcome[]> {
    try {
      return await this.writeAll(runId, items, triedBefore);
    } catch (error) {
      if (error instanceof HeadraceError) return items.map(() => error);
      if (!isRowsFault(error)) throw error;
      if (items.length === 1) return [refused(runId, error)];
      // Nothing of it was written. Halved until the rows at fault stand alone.
      const middle = items.length >>> 1;
      const first = await this.write({ runId, items: items.slice(0, middle), triedBefore });
      return [...first, ...(await this.write({ runId, items: items.slice(middle), triedBefore }))];
    }
  }

  private async writeAll(runId: string, items: readonly Item[], triedBefore: boolean): Promise<readonly Outcome[]> {
    if (items.length === 0) return [];
    this.pulse.beat();
    const rows = new BatchRows(items);
    const outcomes = new Array<Outcome>(items.length).fill(undefined);
    if (rows.params.length === items.length) {
      const written = await this.database.written(NEW_PARAMS, [runId, ...rows.paramColumns()]);
      if (written === items.length) return outcomes;
    }
    const send = (token: string | null): Promise<readonly LandedRow[]> => {
      const { statement, values } = landing(runId, rows, token);
      this.pulse.beat();
      return this.database.rows<LandedRow>(statement, values);
    };
    const landed = rows.hasTags ? await this.guard.guarded(runId, triedBefore, send) : taking(runId, await send(null));
    // The database decides who was first: keys that were there already are compared.
    if (landed.params < rows.params.length) await this.compare(runId, rows, items, outcomes);
    return outcomes;
  }

  private async compare(runId: string, rows: BatchRows, items: readonly Item[], outcomes: Outcome[]): Promise<void> {
    const different = await this.database.rows<{ key: string; value: string }>(DIFFERENT_PARAMS, [runId, ...rows.paramColumns()]);
    if (different.length === 0) return;
    const stored = new Map(different.map(({ key, value }) => [key, value]));
    for (const [i, item] of items.entries()) {
      if (item.kind !== 'param') continue;
      const storedValue = stored.get(item.key);
      if (storedValue === undefined || storedValue === item.value) continue;
      outcomes[i] = new ParamConflictError({ runId, key: item.key, storedValue, newValue: item.value });
    }
  }

  /** `runId`: whose fault it is when the database refuses a row. */
  private async underway<T>(runId: string | undefined, call: Promise<T>): Promise<T> {
    this.calls.add(call);
    try {
      return await call;
    } catch (error) {
      if (error instanceof HeadraceError || error instanceof StoreBusyError) throw error;
      throw runId !== undefined && isRowsFault(error) ? refused(runId, error) : busy(error);
    } finally {
      this.calls.delete(call);
    }
  }
}

/** The database's own refusal of a row, for a reason that headrace does not know of (a trigger, a constraint). */
function refused(runId: string, error: Error & { readonly code: string }): BatchRefusedError {
  return new BatchRefusedError({ runId, errorCode: error.code, reason: error.message });
}
