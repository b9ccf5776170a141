/** What a database's schema says, without the spelling of its statements. */
import type { Connection } from '../../src/store/sqlite/driver.js';

export interface TableFacts {
  readonly columns: readonly unknown[];
  readonly foreignKeys: readonly unknown[];
  readonly indexes: readonly unknown[];
  readonly constraints: readonly string[];
}

export function schemaFacts(connection: Connection, tables: readonly string[]): Record<string, TableFacts> {
  return Object.fromEntries(tables.map((table) => [table, tableFacts(connection, table)]));
}

export function tableNames(connection: Connection): string[] {
  const rows = connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all({}, []);
  return rows.map((row) => String(row.name));
}

/** Whatever else stands in a schema: indexes made by statements, views, triggers. */
export function otherObjects(connection: Connection): string[] {
  const rows = connection
    .prepare("SELECT type, name FROM sqlite_master WHERE type <> 'table' AND sql IS NOT NULL ORDER BY name")
    .all({}, []);
  return rows.map((row) => `${row.type} ${row.name}`);
}

function tableFacts(connection: Connection, table: string): TableFacts {
  const rows = (sql: string, value: string): Record<string, unknown>[] =>
    connection
      .prepare(sql)
      .all({}, [value])
      .map((row) => ({ ...row }));
  const columns = rows('SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?) ORDER BY cid', table);
  const foreignKeys = rows(
    'SELECT "table", seq, "from", "to", on_update, on_delete, match FROM pragma_foreign_key_list(?) ORDER BY "table", "from"',
    table,
  );
  const indexes = rows('SELECT name, "unique", origin, partial FROM pragma_index_list(?)', table)
    .map(({ name, ...rest }) => ({
      // The name of an index that a constraint makes is SQLite's own.
      name: rest.origin === 'c' ? name : '',
      ...rest,
      columns: rows('SELECT name, "desc", coll FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno', String(name)),
    }))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  const sql = String(connection.prepare('SELECT sql FROM sqlite_master WHERE name = ?').get({}, [table])?.sql);
  return { columns, foreignKeys, indexes, constraints: constraints(sql).sort() };
}

/** Names, columns and conditions of the table constraints: the names are no pragma's to tell. */
function constraints(sql: string): string[] {
  const flat = sql.replace(/\s+/g, ' ');
  const body = flat.slice(flat.indexOf('(') + 1, flat.lastIndexOf(')'));
  return parts(body).flatMap((part) => {
    const match = /^(?:CONSTRAINT (\w+) )?(PRIMARY KEY|FOREIGN KEY|UNIQUE|CHECK) ?\(/.exec(part);
    if (match === null) return [];
    const rest = part.slice(match[0].length);
    const inner = match[2] === 'CHECK' ? rest.slice(0, rest.lastIndexOf(')')) : rest.slice(0, rest.indexOf(')'));
    return [`${match[2]} ${match[1] ?? '(unnamed)'}: ${inner.replaceAll('"', '')}`];
  });
}

function parts(body: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i <= body.length; i++) {
    const c = body[i];
    if (c === '(') depth++;
    if (c === ')') depth--;
    if (c === undefined || (c === ',' && depth === 0)) {
      found.push(body.slice(from, i).trim());
      from = i + 1;
    }
  }
  return found;
}
