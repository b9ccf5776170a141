import { createHash } from 'node:crypto';
import type { QueryResult, QueryResultRow } from 'pg';
import type { Connections } from './connections.js';
import { isCutOff, isLostStatement, isReadOnly, isTooLate, keepsConnection, LostAnswerError } from './failure.js';

/** Numbers and flags as such, texts, and arrays as PostgreSQL writes them. */
export type SqlValue = string | number | boolean | null;

export interface Statement {
  /** Made of its text: another version of headrace behind the same pooler has other texts, and must not run ours. */
  readonly name: string;
  readonly text: string;
}

export function statement(text: string): Statement {
  return { name: `headrace_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`, text };
}

/**
 * One statement at a time, each a transaction of its own: one round trip, and nothing of a session is needed, so any
 * pooler will do.
 */
export class Database {
  private readonly connections: Connections;
  private named: boolean;

  constructor(connections: Connections, named: boolean) {
    this.connections = connections;
    this.named = named;
  }

  async rows<R extends QueryResultRow>(asked: Statement, values: readonly SqlValue[]): Promise<readonly R[]> {
    return (await this.query<R>(asked, values)).rows;
  }

  /** How many rows it wrote. */
  async written(asked: Statement, values: readonly SqlValue[]): Promise<number> {
    return (await this.query(asked, values)).rowCount ?? 0;
  }

  /** It takes no writes. */
  leaveHost(): void {
    this.connections.leaveHost();
  }

  close(): void {
    this.connections.close();
  }

  private async query<R extends QueryResultRow>(asked: Statement, values: readonly SqlValue[]): Promise<QueryResult<R>> {
    const { named } = this;
    try {
      return await this.connections.lend(async (client) => {
        try {
          return await client.query<R>({
            ...(named ? { name: asked.name } : {}),
            text: asked.text,
            values: [...values],
          });
        } catch (error) {
          if (isReadOnly(error)) this.connections.leaveHost(client);
          if (!isCutOff(error)) throw error;
          if (isTooLate(error)) this.connections.cancel(client);
          throw new LostAnswerError(error instanceof Error ? error.message : String(error), { cause: error });
        }
      }, keepsConnection);
    } catch (error) {
      if (!named || !isLostStatement(error)) throw error;
      // Nothing was done: the name was all that the server looked at.
      this.named = false;
      return await this.query(asked, values);
    }
  }
}
