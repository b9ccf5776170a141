/** Whether a database is one that MLflow made, with the tables that are written, and this user may write them. */

import { WRITTEN_TABLES } from '../sqlite/schema.js';
import { StoreBusyError } from '../store.js';
import { textArray } from './array-text.js';
import { type Database, statement } from './database.js';

interface TableRow {
  readonly name: string;
  /** Null: there is no such table. */
  readonly columns: readonly string[] | null;
  readonly is_writable: boolean | null;
}

/** As they are found without a schema's name: by the user's search path, as MLflow finds them. */
const TABLES = statement(
  'SELECT t.name, (SELECT array_agg(a.attname::text) FROM pg_catalog.pg_attribute a ' +
    'WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns, ' +
    "has_table_privilege(r.oid, 'SELECT') AND has_table_privilege(r.oid, 'INSERT') AND " +
    "(t.name IN ('experiments', 'params', 'metrics') OR has_table_privilege(r.oid, 'UPDATE')) AS is_writable " +
    'FROM unnest($1::text[]) AS t (name) LEFT JOIN LATERAL (SELECT to_regclass(t.name)::oid AS oid) r ON true',
);

const OTHER_TABLES = statement(
  "SELECT c.relname::text AS name FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p') AND pg_catalog.pg_table_is_visible(c.oid) " +
    "AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) ORDER BY 1 LIMIT 6",
);

const STATE = statement("SELECT current_setting('transaction_read_only') = 'on' AS is_read_only");

const REVISION = statement('SELECT version_num AS revision FROM alembic_version');

/** What is found there. */
export type SchemaState =
  | { readonly kind: 'fine'; readonly revision: string }
  | { readonly kind: 'read-only' | 'empty' }
  | { readonly kind: 'foreign'; readonly tables: readonly string[] }
  | { readonly kind: 'incomplete'; readonly revision: string; readonly missing: readonly string[] }
  | { readonly kind: 'forbidden'; readonly tables: readonly string[] };

export async function schemaState(database: Database): Promise<SchemaState> {
  const [state] = await database.rows<{ is_read_only: boolean }>(STATE, []);
  if (state?.is_read_only === true) return { kind: 'read-only' };
  const tables = await database.rows<TableRow>(TABLES, [textArray([...WRITTEN_TABLES.keys(), 'alembic_version'])]);
  const found = new Map(tables.map((table) => [table.name, table]));
  if (tables.every(({ columns }) => columns === null)) return await withoutOurs(database);
  const missing: string[] = [];
  for (const [name, wanted] of WRITTEN_TABLES) {
    const columns = found.get(name)?.columns ?? null;
    if (columns === null) missing.push(`table ${name}`);
    else missing.push(...wanted.filter((column) => !columns.includes(column)).map((column) => `column ${name}.${column}`));
  }
  const isStamped = Array.isArray(found.get('alembic_version')?.columns);
  const revision = isStamped ? await revisionOf(database) : 'unknown';
  if (missing.length > 0) return { kind: 'incomplete', revision, missing };
  const forbidden = tables.filter(({ name, is_writable }) => WRITTEN_TABLES.has(name) && is_writable === false);
  if (forbidden.length > 0) return { kind: 'forbidden', tables: forbidden.map(({ name }) => name) };
  return { kind: 'fine', revision };
}

async function withoutOurs(database: Database): Promise<SchemaState> {
  const others = await database.rows<{ name: string }>(OTHER_TABLES, []);
  return others.length === 0 ? { kind: 'empty' } : { kind: 'foreign', tables: others.map(({ name }) => name) };
}

async function revisionOf(database: Database): Promise<string> {
  try {
    return (await database.rows<{ revision: string }>(REVISION, []))[0]?.revision ?? 'unknown';
  } catch {
    // A user who may write runs need not be allowed to read this.
    return 'unknown';
  }
}

/** What is wrong, and what to do; undefined: nothing. `display`: how MLflow names the database. */
export function schemaProblem(state: SchemaState, display: string): string | undefined {
  switch (state.kind) {
    case 'fine':
      return undefined;
    case 'read-only':
      return 'it takes no writes: a standby, or set to read only; name the primary, or all hosts';
    case 'empty':
      return `the database is empty; prepare it with "${prepareCommand(display)}"`;
    case 'foreign':
      return (
        `it is the database of another program (tables: ${state.tables.slice(0, 5).join(', ')}${state.tables.length > 5 ? ', …' : ''}); ` +
        'name an empty one, or one that MLflow made'
      );
    case 'incomplete':
      return (
        `it has MLflow's schema of revision ${state.revision}, without ${state.missing.join(', ')}; ` +
        `bring it up to date with "mlflow db upgrade ${display}"`
      );
    case 'forbidden':
      return (
        `this user may not write ${state.tables.join(', ')}; grant SELECT, INSERT and UPDATE on MLflow's tables, and USAGE on their ` +
        'sequences'
      );
  }
}

/** Makes MLflow's tables in an empty database. */
function prepareCommand(display: string): string {
  return `mlflow db upgrade ${display}`;
}

/** Throws unless runs can be logged there. */
export async function checkSchema(database: Database, display: string): Promise<void> {
  const state = await schemaState(database);
  const problem = schemaProblem(state, display);
  if (state.kind === 'read-only') database.leaveHost();
  // A standby may be promoted; all else somebody has to do.
  if (problem !== undefined) throw new StoreBusyError(problem, { needsPerson: state.kind !== 'read-only' });
}
