import type { HeadraceError } from '../../src/errors.js';
import type { Batch, Item, NewRun, Outcome, RunEnd, Store } from '../../src/store/store.js';

/** A store in memory that writes down what reaches it, in the order it comes, and answers as it is told to. */
export class RecordingStore implements Store {
  readonly remote: boolean;
  /** By run: items as `key=value`, its making and its ends. */
  readonly log = new Map<string, string[]>();
  /** All of it, with the run's id in front. */
  readonly all: string[] = [];
  readonly made: NewRun[] = [];
  /** The id that it gives a run. */
  idOf: (id: string) => string = (id) => id;
  /** Thrown by every call, before it does anything. */
  trouble: Error | undefined;
  /** What of an item is refused. */
  refuse: (item: Item) => HeadraceError | undefined = () => undefined;
  /** Of calls that wait for `letGo`. */
  isHeld = false;
  private readonly held: (() => void)[] = [];

  constructor(remote = true) {
    this.remote = remote;
  }

  get waiting(): number {
    return this.held.length;
  }

  /** A call that waits: by default the one that waits longest. */
  letGo(place = 0): void {
    for (const go of this.held.splice(place, 1)) go();
  }

  letAllGo(): void {
    this.isHeld = false;
    for (const go of this.held.splice(0)) go();
  }

  of(runId: string): readonly string[] {
    return this.log.get(runId) ?? [];
  }

  async open(): Promise<void> {}

  async createRun(run: NewRun): Promise<string> {
    await this.call();
    this.made.push(run);
    const id = this.idOf(run.id);
    this.put(id, [run.resume ? 'resumed' : 'made']);
    return id;
  }

  async land({ runId, items }: Batch): Promise<readonly Outcome[]> {
    await this.call();
    const outcomes = items.map((item) => this.refuse(item));
    this.put(
      runId,
      items.filter((_, i) => outcomes[i] === undefined).map(({ key, value }) => `${key}=${value}`),
    );
    return outcomes;
  }

  async endRun({ runId, status }: RunEnd): Promise<void> {
    await this.call();
    this.put(runId, [status]);
  }

  async find(): Promise<string | undefined> {
    await this.call();
    return undefined;
  }

  async close(): Promise<void> {
    this.letAllGo();
  }

  private async call(): Promise<void> {
    if (this.isHeld) await new Promise<void>((resolve) => this.held.push(resolve));
    if (this.trouble !== undefined) throw this.trouble;
  }

  private put(runId: string, texts: readonly string[]): void {
    this.log.set(runId, [...this.of(runId), ...texts]);
    this.all.push(...texts.map((text) => `${runId} ${text}`));
  }
}
