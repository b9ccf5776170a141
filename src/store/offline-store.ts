/** Takes everything and keeps nothing: the journal in front of it has it already, and stays until it is sent. */
import { ParamConflictError } from '../errors.js';
import type { Batch, NewRun, Outcome, Store } from './store.js';

/**
 * Text of params that is remembered, in UTF-16 units, so that another value of a key is refused here and not only by
 * the store that gets it later. Beyond it, and for what other processes logged, that store is the judge.
 */
const REMEMBERED_UNITS: number = 8 * 2 ** 20;

export class OfflineStore implements Store {
  readonly remote = false;
  private readonly params = new Map<string, Map<string, string>>();
  private units = 0;

  async open(): Promise<void> {}

  /** Also for a run that is resumed: whether there is one shows when it is sent. */
  async createRun(run: NewRun): Promise<string> {
    if (!this.params.has(run.id)) this.params.set(run.id, new Map());
    return run.id;
  }

  async land({ runId, items }: Batch): Promise<readonly Outcome[]> {
    const known = this.params.get(runId);
    return items.map((item) => (item.kind === 'param' && known !== undefined ? this.judge(runId, known, item) : undefined));
  }

  async endRun(): Promise<void> {}

  async close(): Promise<void> {}

  private judge(runId: string, known: Map<string, string>, { key, value }: { key: string; value: string }): Outcome {
    const storedValue = known.get(key);
    if (storedValue !== undefined) {
      return storedValue === value ? undefined : new ParamConflictError({ runId, key, storedValue, newValue: value });
    }
    if (this.units > REMEMBERED_UNITS) return undefined;
    known.set(key, value);
    this.units += key.length + value.length;
    return undefined;
  }
}
