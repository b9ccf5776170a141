/**
 * Ended runs that are still known by both ids: some 5 MB. A run is resumed, or made a parent, soon after it ended
 * or by another program; of one so old the store knows as much, for the price of a search.
 */
export const MAX_ENDED = 10_000;

export interface KnownRun {
  /** The id that the caller knows. */
  readonly id: string;
  readonly lane: unknown;
  /** `storeId`: the id that the store chose, once it has been told; none where the store takes ours. */
  readonly ledger: { readonly storeId: string | undefined };
}

/** What is left of a run. */
export interface EndedRun<Lane> {
  readonly id: string;
  readonly storeId: string;
  readonly lane: Lane;
}

/**
 * The runs of a tracker, by either of their ids. Whichever is given, it is the same run and the same lane, where
 * alone its records keep their order.
 */
export class KnownRuns<Run extends KnownRun> {
  /** Not ended, or with an end that has not settled. The latest of each id, as a run may be resumed before that. */
  private readonly current = new Map<string, Run>();
  /** By both ids, the oldest first. Where the store takes our ids there is nothing to keep. */
  private readonly ended = new Map<string, EndedRun<Run['lane']>>();
  private readonly keepsAll: boolean;

  /** `keepsAll`: also a run that has no other id than ours is to come back to its lane. */
  constructor(keepsAll = false) {
    this.keepsAll = keepsAll;
  }

  /** The id that the caller's side knows the run by; `id` itself if it is of no run here. */
  idOf(id: string): string {
    return this.current.get(id)?.id ?? this.ended.get(id)?.id ?? id;
  }

  /** `id` as `idOf` gives it. */
  find(id: string): Run | undefined {
    return this.current.get(id);
  }

  findEnded(id: string): EndedRun<Run['lane']> | undefined {
    return this.ended.get(id);
  }

  add(run: Run): void {
    this.current.set(run.id, run);
  }

  /** The store has made the run under an id of its own. */
  created(id: string, storeId: string): void {
    const run = this.current.get(id);
    // One that was resumed by the store's id, before anybody here could know that ours is of the same, keeps it.
    if (run !== undefined && this.current.get(storeId)?.id !== storeId) this.current.set(storeId, run);
  }

  /** Its end has settled. */
  remove(run: Run): void {
    const { id, lane } = run;
    const storeId = run.ledger.storeId ?? (this.keepsAll ? id : undefined);
    if (this.current.get(id) === run) this.current.delete(id);
    if (storeId === undefined) return;
    if (this.current.get(storeId) === run) this.current.delete(storeId);
    for (const known of [id, storeId]) {
      this.ended.delete(known);
      this.ended.set(known, { id, storeId, lane });
    }
    for (const oldest of this.ended.keys()) {
      if (this.ended.size <= 2 * MAX_ENDED) break;
      this.ended.delete(oldest);
    }
  }
}
