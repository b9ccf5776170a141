/**
 * Random orders of what happens to a lane with a journal, against a plain list of what was logged: each record
 * reaches the store once, in its run's order, and none is called durable or landed before it is.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { typeTagKey } from '../../src/params/type-tag.js';
import { StoreBusyError } from '../../src/store/store.js';
import { readAll } from '../journal/samples.js';
import { Caller, fillDisk, narrow, Worker } from './lane-parts.js';
import { RecordingStore } from './recording-store.js';

afterEach(() => void vi.restoreAllMocks());

const RUNS = [1, 2, 3];

type Command =
  | { readonly do: 'log'; readonly run: number; readonly count: number }
  | { readonly do: 'refuse'; readonly run: number }
  | { readonly do: 'config'; readonly run: number; readonly params: number }
  | { readonly do: 'end'; readonly run: number }
  | { readonly do: 'drain'; readonly limit: number }
  | { readonly do: 'let go'; readonly calls: number }
  | { readonly do: 'keep' | 'fill' | 'send' | 'collect' | 'later' | 'disk' | 'store' | 'die' };

const anyRun = fc.constantFrom(...RUNS);
const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('log' as const), run: anyRun, count: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const), run: anyRun }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('config' as const), run: anyRun, params: fc.integer({ min: 0, max: 150 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const), run: anyRun }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('drain' as const), limit: fc.integer({ min: 1, max: 50 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('let go' as const), calls: fc.integer({ min: 1, max: 5 }) }) },
  {
    weight: 10,
    arbitrary: fc
      .constantFrom('keep' as const, 'keep' as const, 'fill' as const, 'fill' as const, 'send' as const, 'send' as const)
      .map((what) => ({ do: what })),
  },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom('collect' as const, 'later' as const, 'disk' as const, 'store' as const)
      .map((what) => ({ do: what })),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'die' as const }) },
);

class Model {
  readonly store = new RecordingStore();
  private readonly dir = mkdtempSync(join(tmpdir(), 'headrace-model-'));
  private readonly caller: Caller;
  private worker: Worker;
  private readonly seqs = new Map(RUNS.map((run) => [run, 1]));
  private readonly ended = new Set<number>();
  /** By run: what its store must get. */
  private readonly logged = new Map<number, string[]>(RUNS.map((run) => [run, ['made']]));
  /** By run: what stands at each seq. */
  private readonly texts = new Map<string, readonly string[]>();
  private readonly refused: string[] = [];
  private disk: { makeRoom: () => void } | undefined;
  private readonly clock: { mockRestore: () => void };
  private deaths = 0;
  private skewMs = 0;

  constructor(maxBytes: number) {
    const now = performance.now.bind(performance);
    this.clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + this.skewMs);
    this.caller = new Caller({ dir: this.dir, maxBytes, ringBytes: 2 ** 16 });
    this.store.isHeld = true;
    this.worker = new Worker(this.caller, this.store);
    for (const run of RUNS) this.caller.start(run);
  }

  async run(command: Command): Promise<void> {
    switch (command.do) {
      case 'log':
        for (let i = 0; i < command.count; i++) this.log(command.run);
        break;
      case 'refuse':
        this.refuse(command.run);
        break;
      case 'config':
        this.config(command.run, command.params);
        break;
      case 'end':
        this.end(command.run);
        break;
      case 'drain':
        this.worker.drain(command.limit);
        break;
      case 'let go':
        for (let i = 0; i < command.calls; i++) this.store.letGo();
        break;
      case 'keep':
        this.worker.keep();
        break;
      case 'fill':
        this.worker.fill();
        break;
      case 'send':
        this.worker.send();
        break;
      case 'collect':
        this.worker.journal.collect();
        break;
      case 'later':
        this.skewMs += 600;
        break;
      case 'disk':
        this.toggleDisk();
        break;
      case 'store':
        this.store.trouble = this.store.trouble === undefined ? new StoreBusyError('away') : undefined;
        break;
      case 'die':
        await this.die();
    }
    await turn();
    this.check();
  }

  /** All that could be away comes back: then everything lands. */
  async finish(): Promise<void> {
    this.disk?.makeRoom();
    this.disk = undefined;
    this.store.trouble = undefined;
    this.store.letAllGo();
    for (let left = 5000; ; left--) {
      const taken = this.worker.drain();
      const isKept = this.worker.keep();
      this.worker.fill();
      this.worker.send();
      this.worker.journal.collect();
      await new Promise((resolve) => setTimeout(resolve, left % 50 === 0 ? 1 : 0));
      if (taken === 0 && isKept && this.worker.isIdle && this.caller.used === 0) break;
      this.skewMs += 50;
      if (left === 0) throw new Error(`it does not end; ring ${this.caller.used}, kept ${isKept}, idle ${this.worker.isIdle}`);
    }
    for (const run of RUNS) {
      const landed = this.store.of(`run-${run}`).filter((text) => !text.startsWith('headrace.config.'));
      // A worker that takes over may send again what its predecessor had sent.
      expect(this.deaths === 0 ? landed : once(landed)).toEqual(this.logged.get(run));
      expect(this.caller.table.settled(run)).toBe(this.seqs.get(run));
    }
    const told = this.caller.listen().map(({ slot, seq }) => `${slot} ${seq}`);
    expect(new Set(told)).toEqual(new Set(this.refused));
    this.worker.close();
  }

  remove(): void {
    this.disk?.makeRoom();
    this.worker.die();
    this.clock.mockRestore();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Every third one is a record of two items. */
  private log(run: number): void {
    this.put(
      run,
      (seq) => [`k${seq}=${seq}`, ...(seq % 3 === 0 ? [`${typeTagKey(`k${seq}`, `${seq}`)}=text`] : [])],
      (seq) => (seq % 3 === 0 ? this.caller.text(run, seq, `k${seq}`, `${seq}`) : this.caller.param(run, seq, `k${seq}`, seq)),
    );
  }

  private config(run: number, params: number): void {
    const path = join(this.dir, `${run}-${this.seqs.get(run)}.json`);
    const entries = Array.from({ length: params }, (_, i): [string, string] => [`c${this.seqs.get(run)}-${i}`, 'v']);
    writeFileSync(path, JSON.stringify(Object.fromEntries(entries)));
    this.put(
      run,
      () => entries.map((pair) => pair.join('=')),
      (seq) => this.caller.config(run, seq, path),
    );
  }

  /** False: it has ended, or the ring is full and the caller would wait. */
  private put(run: number, texts: (seq: number) => readonly string[], write: (seq: number) => boolean): boolean {
    const seq = (this.seqs.get(run) ?? 0) + 1;
    if (this.ended.has(run) || !write(seq)) return false;
    this.seqs.set(run, seq);
    const whole = texts(seq);
    this.logged.get(run)?.push(...whole);
    this.texts.set(`${run} ${seq}`, whole);
    return true;
  }

  private refuse(run: number): void {
    const isPut = this.put(
      run,
      () => [],
      (seq) => this.caller.tag(run, seq, 'a\tb', ''),
    );
    if (isPut) this.refused.push(`${run} ${this.seqs.get(run)}`);
  }

  private end(run: number): void {
    const isPut = this.put(
      run,
      () => ['FINISHED'],
      (seq) => this.caller.end(run, seq),
    );
    if (isPut) this.ended.add(run);
  }

  private toggleDisk(): void {
    if (this.disk === undefined) {
      this.disk = fillDisk(0);
    } else {
      this.disk.makeRoom();
      this.disk = undefined;
    }
  }

  private async die(): Promise<void> {
    this.deaths++;
    this.worker.die();
    // What was under way was done, and nobody has heard of it.
    this.store.letGo();
    await turn();
    const open = this.caller.openRuns.filter(
      ({ slot }) => !this.ended.has(slot) || this.caller.table.settled(slot) !== this.seqs.get(slot),
    );
    this.worker = new Worker(this.caller, this.store, open);
  }

  /** Every record that is called landed is in the store; every one that is called durable is there or in the journal. */
  private check(): void {
    const inJournal = new Set<string>();
    const { folder } = this.caller.journal;
    const ids = new Map<number, string>();
    for (const record of existsSync(folder) ? readAll(folder).records : []) {
      const id = ids.get(record.run);
      if (record.kind === 'opened') ids.set(record.run, record.id);
      else if (record.kind === 'ended') inJournal.add(`${id} ${record.status}`);
      else for (const { key, value } of record.items) inJournal.add(`${id} ${key}=${value}`);
    }
    for (const run of RUNS) {
      const landed = new Set(this.store.of(`run-${run}`));
      const [settled, durable] = [this.caller.table.settled(run), this.caller.table.journaled(run)];
      for (let seq = 2; seq <= durable; seq++) {
        for (const text of this.texts.get(`${run} ${seq}`) ?? []) {
          if (landed.has(text)) continue;
          if (seq <= settled) throw new Error(`run ${run}: ${seq} is called landed, and ${text} is not in the store`);
          if (!inJournal.has(`run-${run} ${text}`)) throw new Error(`run ${run}: ${seq} is called durable, and ${text} is not`);
        }
      }
    }
  }
}

/** Each text where it first stands. */
function once(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

test.each([
  ['', Number.MAX_SAFE_INTEGER],
  [', with a journal that has room for some hundred records', 70_000],
])('whatever happens, each record reaches the store once and in its order%s', async (_, maxBytes) => {
  narrow(1500);
  await fc.assert(
    fc.asyncProperty(fc.array(anyCommand, { minLength: 10, maxLength: 80, size: 'max' }), async (commands) => {
      const model = new Model(maxBytes);
      try {
        for (const command of commands) await model.run(command);
        await model.finish();
      } finally {
        model.remove();
      }
    }),
    { numRuns: 40, interruptAfterTimeLimit: 12_000 },
  );
});
