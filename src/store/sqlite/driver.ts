/**
 * The few calls of a SQLite library that the store makes, over the two that there are: `node:sqlite`
 * where the running Node has it, else better-sqlite3.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { StoreUnavailableError } from '../../errors.js';

export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, string | number | null>>;

/** Values of `@name` parameters. They stand beside the positional ones, so that a statement of many rows names its run once. */
export type Named = Readonly<Record<string, SqlValue>>;

export interface Statement {
  /** Answers how many rows it wrote. */
  run(named: Named, values: readonly SqlValue[]): number;
  get(named: Named, values: readonly SqlValue[]): SqlRow | undefined;
  all(named: Named, values: readonly SqlValue[]): readonly SqlRow[];
}

export interface Connection {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  /** Also finalizes the statements. */
  close(): void;
}

export type DriverName = 'node:sqlite' | 'better-sqlite3';

export interface Driver {
  readonly name: DriverName;
  /** `readOnly`: nothing can be written by it, and a file that is missing is not made. Default false. */
  open(path: string, readOnly?: boolean): Connection;
}

export interface DriverChoice {
  /** Only this one, instead of the first that works. */
  readonly only?: DriverName | undefined;
  /** File or URL that better-sqlite3 is looked up from; this module by default. */
  readonly from?: string | undefined;
}

/** `store`: how the messages name the store that wants the driver. */
export function loadDriver(store: string, choice: DriverChoice = {}): Driver {
  const problems: string[] = [];
  if (choice.only !== 'better-sqlite3') {
    const found = nodeSqlite();
    if (found !== undefined) return found;
    problems.push(`Node ${process.versions.node} has no node:sqlite`);
  }
  if (choice.only !== 'node:sqlite') {
    const found = betterSqlite3(choice.from ?? import.meta.url);
    if (typeof found !== 'string') return found;
    problems.push(found);
  }
  throw new StoreUnavailableError({
    store,
    reason:
      `no SQLite library can be used: ${problems.join(', and ')}; use Node 22.13 or newer, which has one built in, ` +
      'or install a C++ compiler and run "npm rebuild better-sqlite3" ("npm install better-sqlite3@12" where it is missing)',
  });
}

/** The part of node:sqlite that is used here; the oldest supported Node's types don't have the module. */
interface NodeSqlite {
  readonly DatabaseSync: new (
    path: string,
    options: { readonly readOnly: boolean },
  ) => {
    exec(sql: string): void;
    prepare(sql: string): NodeStatement;
    close(): void;
  };
}

interface NodeStatement {
  run(named: Named, ...values: readonly SqlValue[]): { readonly changes: number | bigint };
  get(named: Named, ...values: readonly SqlValue[]): SqlRow | undefined;
  all(named: Named, ...values: readonly SqlValue[]): readonly SqlRow[];
}

function nodeSqlite(): Driver | undefined {
  // The documented surface of the module, as far as it is described above.
  const module = withoutSqliteWarning(() => process.getBuiltinModule('node:sqlite')) as NodeSqlite | undefined;
  if (module === undefined) return undefined;
  const { DatabaseSync } = module;
  return {
    name: 'node:sqlite',
    open(path, readOnly = false) {
      const database = new DatabaseSync(path, { readOnly });
      return {
        exec: (sql) => database.exec(sql),
        prepare(sql) {
          const statement = database.prepare(sql);
          return {
            run: (named, values) => Number(statement.run(named, ...values).changes),
            get: (named, values) => statement.get(named, ...values),
            all: (named, values) => statement.all(named, ...values),
          };
        },
        close: () => database.close(),
      };
    },
  };
}

/**
 * Node 22 warns on the first use of node:sqlite; a user of headrace can do nothing about it. Every other
 * warning passes, and after this call this one would too.
 */
function withoutSqliteWarning<T>(load: () => T): T {
  const emit = process.emitWarning;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (rest[0] === 'ExperimentalWarning' && String(warning).startsWith('SQLite ')) return;
    Reflect.apply(emit, process, [warning, ...rest]);
  };
  try {
    return load();
  } finally {
    process.emitWarning = emit;
  }
}

interface BetterSqlite3 {
  new (
    path: string,
    options?: { readonly readonly: boolean },
  ): {
    exec(sql: string): unknown;
    prepare(sql: string): BetterStatement;
    close(): unknown;
  };
}

interface BetterStatement {
  run(values: readonly SqlValue[], named: Named): { readonly changes: number };
  get(values: readonly SqlValue[], named: Named): unknown;
  all(values: readonly SqlValue[], named: Named): unknown[];
}

/** The driver, or what keeps it from being used. */
function betterSqlite3(from: string): Driver | string {
  let Database: BetterSqlite3;
  try {
    const require = createRequire(from);
    const version = installedVersion(require.resolve('better-sqlite3'));
    if (needsNewerNode(version)) return `better-sqlite3 ${version} needs Node 22 or newer (12 is for Node 20)`;
    // Its documented constructor, as far as it is described above.
    Database = require('better-sqlite3') as BetterSqlite3;
    // The native part is loaded with the first database, and may be missing or made for another Node.
    new Database(':memory:').close();
  } catch (error) {
    return problemOf(error);
  }
  return {
    name: 'better-sqlite3',
    open(path, readOnly = false) {
      const database = new Database(path, { readonly: readOnly });
      return {
        exec: (sql) => void database.exec(sql),
        prepare(sql) {
          const statement = database.prepare(sql);
          return {
            run: (named, values) => statement.run(values, named).changes,
            // Rows are objects of column values; none of the columns read is a blob.
            get: (named, values) => statement.get(values, named) as SqlRow | undefined,
            all: (named, values) => statement.all(values, named) as SqlRow[],
          };
        },
        close: () => void database.close(),
      };
    },
  };
}

/** Version 13 is built for Node-API 10 and ends a process of an older Node with SIGSEGV as soon as it is loaded. */
function needsNewerNode(version: string): boolean {
  return Number.parseInt(version, 10) >= 13 && Number(process.versions.napi) < 10;
}

/** Read from the package's own file: loading the package to ask it is what must be avoided. */
function installedVersion(entry: string): string {
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    let text: string;
    try {
      text = readFileSync(join(folder, 'package.json'), 'utf8');
    } catch {
      continue; // not the package's root yet
    }
    const manifest: unknown = JSON.parse(text);
    if (typeof manifest === 'object' && manifest !== null && 'name' in manifest && manifest.name === 'better-sqlite3') {
      return 'version' in manifest ? String(manifest.version) : '0';
    }
  }
  return '0';
}

function problemOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'MODULE_NOT_FOUND' && message.includes("'better-sqlite3'")) return 'better-sqlite3 is not installed';
  if (message.startsWith('Could not locate the bindings file'))
    return 'better-sqlite3 is installed, but its native part was not compiled';
  if (code === 'ERR_DLOPEN_FAILED')
    return `better-sqlite3 is compiled for another Node than ${process.versions.node} (${firstLine(message)})`;
  return `better-sqlite3 can't be loaded (${firstLine(message)})`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
