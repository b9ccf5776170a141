import { Connections } from '../../store/postgres/connections.js';
import { Database, statement } from '../../store/postgres/database.js';
import { busy } from '../../store/postgres/failure.js';
import { schemaProblem, schemaState } from '../../store/postgres/schema-check.js';
import type { PostgresLocation } from '../../store/uri.js';
import { clock } from './clock.js';
import { type Finding, note, ok, todo } from './finding.js';

/** Whoever asks how a database is does not wait as long as a training would. */
const PATIENCE_MS = 10_000;

const SLOW_MS = 1000;

const GREETING = statement(
  "SELECT current_setting('server_version') AS version, extract(epoch FROM clock_timestamp()) * 1000 AS now, " +
    "current_setting('max_connections')::int AS places, (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int AS taken",
);

interface Greeting {
  readonly version: string;
  readonly now: string;
  readonly places: number;
  readonly taken: number;
}

export async function postgres({ postgres: settings, display }: PostgresLocation): Promise<Finding[]> {
  const hurried = { ...settings, connectTimeoutMs: Math.min(settings.connectTimeoutMs || PATIENCE_MS, PATIENCE_MS) };
  const connections = new Connections(hurried);
  const database = new Database(connections, false);
  try {
    const state = await schemaState(database);
    // The first one had a connection to make.
    const start = Date.now();
    const [greeting] = await database.rows<Greeting>(GREETING, []);
    const took = Date.now() - start;
    const found = [
      took > SLOW_MS
        ? note(`${display} answers in ${took} ms`, 'records wait in a journal meanwhile')
        : ok(`${display} answers in ${took} ms`),
    ];
    if (greeting !== undefined) found.push(...about(greeting, (start + Date.now()) / 2));
    const problem = schemaProblem(state, display);
    if (problem !== undefined) return [...found, todo(...apart(problem))];
    return state.kind === 'fine' ? [...found, ok(`MLflow's schema of revision ${state.revision}`)] : found;
  } catch (error) {
    return [todo(`${display}: ${busy(error).message}`, 'check the uri, the PG* variables, the database and the network')];
  } finally {
    connections.close();
  }
}

function about({ version, now, places, taken }: Greeting, ours: number): Finding[] {
  const free = places - taken;
  const what = `PostgreSQL ${version}, ${taken} of ${places} connections taken`;
  const found = free < places / 10 ? note(what, 'lower pool_size, raise max_connections, or put a pooler in front') : ok(what);
  return [found, clock(Number(now) - ours)];
}

/** The remedy stands behind the semicolon. */
function apart(problem: string): [what: string, remedy: string] {
  const at = problem.lastIndexOf('; ');
  return [problem.slice(0, at), problem.slice(at + 2)];
}
