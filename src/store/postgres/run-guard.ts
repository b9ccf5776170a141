/**
 * Keeps statements that are done late from undoing later ones. The answer of a statement may be lost while the statement
 * itself still stands in a socket, a pooler or behind a lock; params and metrics don't mind, but a tag, a name or a status
 * would fall back to an old value. So whatever sets those names the version of the run's row that it was made for (its
 * `xmin`, the number of the transaction that wrote it last), holds the row until it commits, and does nothing when another
 * stands there. After a lost answer the row is written anew, as it is: from then on the late one finds another version.
 */
import { RunDeletedError, RunNotFoundError } from '../../errors.js';
import { StoreBusyError } from '../store.js';
import { type Database, statement } from './database.js';
import { LostAnswerError } from './failure.js';

/** What a guarded statement answers of the run's row. */
export interface GuardedRow {
  readonly run_stage: string | null;
  readonly experiment_stage: string | null;
  /** The version that it found; if it is not the one that was named, nothing was done. */
  readonly token: string;
  /** The version that it wrote, if it did. */
  readonly new_token: string | null;
}

interface Known {
  token: string | undefined;
  /** Whatever was sent for the run before this store was made finds another version. */
  isFenced: boolean;
  /** An answer was lost since the row was written anew. */
  isInDoubt: boolean;
}

/** Each time somebody else has written the run's row in between. */
const ROUNDS = 20;

const TOKEN = statement('SELECT xmin::text AS token FROM runs WHERE run_uuid = $1');
const FENCE = statement('UPDATE runs SET lifecycle_stage = lifecycle_stage WHERE run_uuid = $1 RETURNING xmin::text AS token');

export class RunGuard {
  private readonly database: Database;
  private readonly known = new Map<string, Known>();

  constructor(database: Database) {
    this.database = database;
  }

  /** `call`: a statement that does nothing for another version than `token`. Throws when the run takes no records. */
  async guarded<R extends GuardedRow>(
    runId: string,
    triedBefore: boolean,
    call: (token: string) => Promise<readonly R[]>,
  ): Promise<R> {
    const known = this.of(runId);
    let token = await this.tokenOf(runId, known, known.isInDoubt || (triedBefore && !known.isFenced));
    for (let round = 0; round < ROUNDS; round++) {
      let row: R;
      try {
        row = taking(runId, await call(token));
      } catch (error) {
        if (error instanceof LostAnswerError) known.isInDoubt = true;
        throw error;
      }
      known.token = row.new_token ?? row.token;
      if (row.token === token) return row;
      token = row.token;
    }
    throw new StoreBusyError(`the row of run ${runId} keeps changing`, { scope: 'run' });
  }

  /** The run was just made, and this is its row. */
  made(runId: string, token: string): void {
    this.known.set(runId, { token, isFenced: true, isInDoubt: false });
  }

  forget(runId: string): void {
    this.known.delete(runId);
  }

  private async tokenOf(runId: string, known: Known, isFenceNeeded: boolean): Promise<string> {
    if (isFenceNeeded) {
      known.token = undefined;
      const [row] = await this.database.rows<{ token: string }>(FENCE, [runId]);
      if (row === undefined) throw new RunNotFoundError({ runId });
      known.isFenced = true;
      known.isInDoubt = false;
      known.token = row.token;
    }
    if (known.token === undefined) {
      const [row] = await this.database.rows<{ token: string }>(TOKEN, [runId]);
      if (row === undefined) throw new RunNotFoundError({ runId });
      known.token = row.token;
    }
    return known.token;
  }

  private of(runId: string): Known {
    const known = this.known.get(runId) ?? { token: undefined, isFenced: false, isInDoubt: false };
    this.known.set(runId, known);
    return known;
  }
}

/** The run's row, if it takes records: MLflow refuses any write to a deleted run. */
export function taking<R extends Pick<GuardedRow, 'run_stage' | 'experiment_stage'>>(runId: string, rows: readonly R[]): R {
  const [row] = rows;
  if (row === undefined) throw new RunNotFoundError({ runId });
  if (row.run_stage === 'deleted' || row.experiment_stage === 'deleted') throw new RunDeletedError({ runId });
  return row;
}
