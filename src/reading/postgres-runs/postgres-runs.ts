/** Runs of a PostgreSQL database. */
import { HeadraceError, StoreUnavailableError } from '../../errors.js';
import { Connections, hasSqlState } from '../../store/postgres/connections.js';
import { Database } from '../../store/postgres/database.js';
import { busy } from '../../store/postgres/failure.js';
import { schemaProblem, schemaState } from '../../store/postgres/schema-check.js';
import type { PostgresSettings } from '../../store/postgres/settings.js';
import { patiently } from '../patience.js';
import { closedRuns, type RunQuery, type RunRecord, type RunSource } from '../run-source.js';
import { searchIn } from '../sql/search.js';
import type { MetricPoint } from '../stored-run.js';
import { RunTables } from './run-tables.js';

export interface PostgresRunsOptions {
  readonly postgres: PostgresSettings;
  /** The store's name in messages: no password in it. */
  readonly display: string;
  readonly patienceMs: number;
}

/** No such table, or no such column. */
const OTHER_SCHEMA: ReadonlySet<string> = new Set(['42P01', '42703']);

export class PostgresRuns implements RunSource {
  private readonly display: string;
  private readonly patienceMs: number;
  private readonly database: Database;
  private readonly tables: RunTables;
  private isClosed = false;

  constructor({ postgres, display, patienceMs }: PostgresRunsOptions) {
    this.display = display;
    this.patienceMs = patienceMs;
    // No names: a search's statement is seldom asked twice, and a name keeps it in the server.
    this.database = new Database(new Connections(postgres), false);
    this.tables = new RunTables(this.database);
  }

  async get(id: string): Promise<RunRecord | undefined> {
    const experiments = await this.ask((tables) => tables.experiments(undefined));
    return (await this.ask((tables) => tables.load([id], experiments))).get(id);
  }

  search(query: RunQuery): AsyncGenerator<RunRecord, void, undefined> {
    return searchIn((question) => this.ask(question), query);
  }

  history(id: string, key: string): Promise<readonly MetricPoint[]> {
    return this.ask((tables) => tables.history(id, key));
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.database.close();
  }

  private ask<T>(question: (tables: RunTables) => T | Promise<T>): Promise<T> {
    return patiently(this.display, this.patienceMs, async () => {
      if (this.isClosed) throw closedRuns(this.display);
      try {
        return await question(this.tables);
      } catch (error) {
        if (error instanceof HeadraceError) throw error;
        if (this.isClosed) throw closedRuns(this.display);
        throw hasSqlState(error) && OTHER_SCHEMA.has(error.code) ? await this.otherSchema(error) : busy(error);
      }
    });
  }

  /** What else the database is. */
  private async otherSchema(cause: unknown): Promise<Error> {
    try {
      const state = await schemaState(this.database);
      const reason = schemaProblem(state, this.display);
      if (reason === undefined || state.kind === 'read-only' || state.kind === 'forbidden') return busy(cause);
      return new StoreUnavailableError({ store: this.display, reason }, { cause });
    } catch (error) {
      return busy(error);
    }
  }
}
