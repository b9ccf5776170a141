/** What the store remembers of a run between calls. */
import type { Item, ParamItem } from '../store.js';

/** Stored params that are remembered per run at most; for a run with more, each conflict reads them again. */
const REMEMBERED_PARAMS = 10_000;

export class RunState {
  /** The store's id. */
  readonly id: string;
  /** Values of tags in tries that the server may yet do, when a later value is stored already. */
  readonly doubtful: Map<string, Set<string>> = new Map<string, Set<string>>();
  /** What those tags were last set to. */
  readonly wanted: Map<string, string> = new Map<string, string>();
  /** A try to set the status had no answer. */
  statusInDoubt = false;
  /** Its creation was tried again without knowing how the first try went: there may be two of it. */
  twin: { readonly ownId: string; readonly experimentId: string; lookAt: number; pauseMs: number } | undefined;
  /** Undefined until there was a conflict: most runs never have one. */
  private stored: Map<string, string> | undefined;

  constructor(id: string) {
    this.id = id;
  }

  /** These are in a try that may be done late. */
  doubt(items: readonly Item[]): void {
    for (const { kind, key, value } of items) {
      if (kind !== 'tag') continue;
      const tries = this.doubtful.get(key) ?? new Set();
      this.doubtful.set(key, tries.add(value));
    }
  }

  /** Params don't change once they are stored, so what was read stays true. */
  remember(stored: Map<string, string>): void {
    this.stored = stored.size <= REMEMBERED_PARAMS ? stored : undefined;
  }

  /** A run with one conflict is likely to have more, and then of what it has just logged itself. */
  rememberLanded({ key, value }: ParamItem): void {
    if (this.stored !== undefined && this.stored.size < REMEMBERED_PARAMS) this.stored.set(key, value);
  }

  storedParam(key: string): string | undefined {
    return this.stored?.get(key);
  }
}
