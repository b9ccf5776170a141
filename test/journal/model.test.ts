/** Segments come and go, processes die, and nothing goes that has not landed: any sequence of calls against a plain model. */
import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JournalRecord } from '../../src/journal/record.js';
import { recover } from '../../src/journal/recovery.js';
import { JournalWriter } from '../../src/journal/writer.js';
import { newFolder } from './folder.js';
import { metrics, readAll } from './samples.js';

type Command =
  | { readonly do: 'open' | 'write' | 'sync' | 'collect' | 'die' | 'close' }
  | { readonly do: 'items' | 'land'; readonly run: number; readonly count: number }
  | { readonly do: 'end' | 'storeId'; readonly run: number };

const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  // Literals and not strings: hence the casts.
  { weight: 2, arbitrary: fc.record({ do: fc.constant('open' as const) }) },
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('items' as const), run: fc.nat(5), count: fc.integer({ min: 1, max: 30 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('land' as const), run: fc.nat(5), count: fc.integer({ min: 1, max: 8 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('end' as const, 'storeId' as const), run: fc.nat(5) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('sync' as const, 'collect' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('die' as const, 'close' as const) }) },
);

interface ModelRun {
  readonly run: number;
  readonly id: string;
  seq: number;
  landed: number;
  ended: boolean;
  storeId: string | undefined;
  frames: { readonly sequence: number; readonly seq: number; readonly record: JournalRecord }[];
}

class Model {
  readonly folder: string;
  private readonly options: { durability: 'os' | 'fsync'; segmentBytes: number };
  private journal: JournalWriter;
  private runs: ModelRun[] = [];
  /** What this execution has done, so that the test can tell that it proves something. */
  readonly seen: { gone: number; died: number; replayed: number } = { gone: 0, died: 0, replayed: 0 };

  constructor(options: { durability: 'os' | 'fsync'; segmentBytes: number }) {
    this.folder = newFolder();
    this.options = options;
    this.journal = new JournalWriter({ folder: this.folder, ...options });
  }

  execute(command: Command): void {
    switch (command.do) {
      case 'open':
        this.open();
        return;
      case 'items': {
        const run = this.openRun(command.run);
        if (run === undefined) return;
        const firstSeq = ++run.seq;
        this.append(run, {
          kind: 'items',
          run: run.run,
          firstSeq,
          lastSeq: run.seq,
          items: metrics(['a', 'b'], run.seq, command.count),
        });
        return;
      }
      case 'land': {
        const run = this.runs[command.run % Math.max(1, this.runs.length)];
        if (run === undefined) return;
        // Written ahead: an end goes to the store only once it is safe. Items may have been quicker than the disk.
        const { durable } = this.journal;
        const end = run.frames.find(
          ({ record, sequence, seq }) => record.kind === 'ended' && sequence > durable && seq > run.landed,
        );
        run.landed = Math.min(end === undefined ? run.seq : end.seq - 1, run.landed + command.count);
        if (run.landed > 0) this.journal.landed(run.run, run.landed);
        return;
      }
      case 'end': {
        const run = this.openRun(command.run);
        if (run === undefined) return;
        run.ended = true;
        this.append(run, { kind: 'ended', run: run.run, seq: ++run.seq, status: 'FINISHED', endTime: run.seq });
        return;
      }
      case 'storeId': {
        const run = this.openRun(command.run);
        if (run === undefined) return;
        run.storeId = `in the store ${run.run}`;
        this.journal.storeId(run.run, run.storeId);
        return;
      }
      case 'write':
        this.journal.write();
        return;
      case 'sync':
        this.journal.sync();
        return;
      case 'collect':
        if (this.journal.collect() > 0) this.seen.gone++;
        return;
      case 'die':
      case 'close':
        this.again(command.do);
        return;
    }
  }

  /** Every frame that is safe and has not landed can be read, as it was. */
  check(): void {
    const { reads, skipped } = readAll(this.folder);
    expect(skipped).toEqual([]);
    const found = new Map(reads.map(({ place, record }) => [place.sequence, record]));
    for (const { landed, frames } of this.runs) {
      for (const { sequence, seq, record } of frames) {
        if (seq > landed && sequence <= this.journal.durable) expect(found.get(sequence)).toStrictEqual(record);
      }
    }
  }

  end(): void {
    for (const run of this.runs) {
      if (!run.ended) this.append(run, { kind: 'ended', run: run.run, seq: ++run.seq, status: 'KILLED', endTime: 1 });
      this.journal.landed(run.run, run.seq);
    }
    this.journal.close();
    expect(readdirSync(this.folder)).toEqual([]);
  }

  private open(): void {
    const run: ModelRun = { run: this.journal.newRun(), id: '', seq: 1, landed: 0, ended: false, storeId: undefined, frames: [] };
    this.runs.push({ ...run, id: `run ${run.run}` });
    const added = this.runs.at(-1);
    if (added !== undefined) this.append(added, { kind: 'opened', run: run.run, seq: 1, id: added.id, request: '{}' });
  }

  private openRun(index: number): ModelRun | undefined {
    const open = this.runs.filter(({ ended }) => !ended);
    return open[index % Math.max(1, open.length)];
  }

  private append(run: ModelRun, record: JournalRecord): void {
    const { sequence } = this.journal.append(record);
    run.frames.push({ sequence, seq: run.seq, record });
  }

  private again(how: 'die' | 'close'): void {
    if (how === 'close') this.journal.close();
    this.check();
    this.seen.died++;
    // More than is safe may have survived.
    const present = new Set(readAll(this.folder).reads.map(({ place }) => place.sequence));
    for (const run of this.runs) {
      run.frames = run.frames.filter(({ sequence, seq }) => present.has(sequence) || seq <= run.landed);
      run.seq = Math.max(run.landed, run.frames.at(-1)?.seq ?? 0);
      run.ended = run.frames.at(-1)?.record.kind === 'ended';
    }
    const { runs } = recover(this.folder);
    // A run of which nothing was safe may never have been.
    this.runs = this.runs.filter(({ run, frames }) => runs.has(run) || frames.some(({ sequence }) => present.has(sequence)));
    for (const run of this.runs) this.checkRecovered(run, runs.get(run.run));
    this.journal = new JournalWriter({ folder: this.folder, ...this.options });
    // The new one is told what its predecessor's last moments had landed.
    for (const run of this.runs) if (run.landed > 0) this.journal.landed(run.run, run.landed);
  }

  private checkRecovered(
    run: ModelRun,
    recovered: ReturnType<typeof recover>['runs'] extends ReadonlyMap<number, infer R> ? R | undefined : never,
  ): void {
    const left = run.frames.filter(({ seq }) => seq > run.landed);
    const isDone = run.ended && left.length === 0;
    if (isDone && (recovered === undefined || recovered.state.finished)) return;
    expect(recovered?.state.opened).toMatchObject({ id: run.id });
    // One that has ended must never look like one that was killed.
    if (run.ended) expect(recovered?.state.ended).toMatchObject({ status: 'FINISHED' });
    const [first] = left;
    if (first === undefined) return;
    this.seen.replayed++;
    expect(recovered?.backlog?.from.sequence).toBeLessThanOrEqual(first.sequence);
    const again = readAll(this.folder, { from: recovered?.backlog?.from, wants: (head) => head.run === run.run });
    const sequences = new Set(again.reads.map(({ place }) => place.sequence));
    for (const { sequence } of left) expect(sequences).toContain(sequence);
  }
}

test('a segment goes only when all of it has landed, and a run that has ended never looks like one that was killed', {
  timeout: 60_000,
}, () => {
  const seen = { gone: 0, died: 0, replayed: 0 };
  fc.assert(
    fc.property(
      fc.array(anyCommand, { maxLength: 80, size: 'max' }),
      fc.constantFrom(300, 900, 2500),
      fc.constantFrom('os' as const, 'fsync' as const), // literals and not strings
      (commands, segmentBytes, durability) => {
        const model = new Model({ segmentBytes, durability });
        model.execute({ do: 'open' });
        for (const command of commands) {
          model.execute(command);
          if (command.do === 'collect' || command.do === 'die' || command.do === 'close') model.check();
        }
        model.execute({ do: 'write' });
        model.execute({ do: 'sync' });
        model.check();
        model.end();
        seen.gone += model.seen.gone;
        seen.died += model.seen.died;
        seen.replayed += model.seen.replayed;
      },
    ),
    { numRuns: 60 },
  );
  expect(seen.gone).toBeGreaterThan(5);
  expect(seen.died).toBeGreaterThan(5);
  expect(seen.replayed).toBeGreaterThan(5);
});
