/** The parts of a lane's worker in this thread, one step at a time: what the loop does in order, a test does in any. */
import fs from 'node:fs';
import { onTestFinished, vi } from 'vitest';
import type { HeadraceError } from '../../src/errors.js';
import { LaneClock } from '../../src/lane/clock.js';
import { Coalescer } from '../../src/lane/coalescer.js';
import { ConfigTags } from '../../src/lane/config-tags.js';
import { Delivery } from '../../src/lane/delivery.js';
import { Intake } from '../../src/lane/intake.js';
import { LaneJournal } from '../../src/lane/lane-journal.js';
import type { RunQueue } from '../../src/lane/run-queue.js';
import { RunTable } from '../../src/lane/run-table.js';
import { Sender } from '../../src/lane/sender.js';
import { Signal } from '../../src/lane/signals.js';
import type { Step } from '../../src/lane/step.js';
import {
  type LaneJournalSettings,
  type LaneMemory,
  type LaneSettings,
  laneSettings,
  newLaneMemory,
  type OpenRun,
  type RunRequest,
} from '../../src/lane/task.js';
import { VerdictReader, VerdictWriter } from '../../src/lane/verdict-record.js';
import { resolveOptions, type TrackerOptions } from '../../src/options.js';
import { RingConsumer } from '../../src/ring/consumer.js';
import { INLINE, KeyReader } from '../../src/ring/key-table.js';
import { RingProducer } from '../../src/ring/producer.js';
import { Kind, RecordReader, writeScalar, writeTextRecord } from '../../src/ring/record.js';
import type { Store } from '../../src/store/store.js';
import { newFolder } from '../journal/folder.js';
import { requestOf } from './queue-of.js';

/** Nobody answers there, and nothing is asked: the store is the test's. */
const NOWHERE = 'http://127.0.0.1:9';

/** Memory has room for so many bytes of each run, by the coalescer's own count. */
export function narrow(bytes: number): void {
  vi.spyOn(Coalescer.prototype, 'hasRoomFor').mockImplementation((queue) => queue.steps.length === 0 || queue.held < bytes);
}

/** No write of a file gets beyond so many bytes. */
export function fillDisk(bytes: number): { makeRoom: () => void } {
  // The one of its overloads that writes buffers.
  const files = fs as {
    writeSync: (file: number, buffer: Buffer, offset?: number, length?: number, position?: number) => number;
  };
  const write = files.writeSync;
  const spy = vi.spyOn(files, 'writeSync').mockImplementation((file, buffer, offset, length = buffer.length, position = 0) => {
    if (position + length > bytes) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    return write(file, buffer, offset, length, position);
  });
  return { makeRoom: () => spy.mockRestore() };
}

export interface Told {
  readonly slot: number;
  readonly seq: number;
  readonly count: number;
  readonly error: HeadraceError | undefined;
}

/** The caller's side, and the memory that outlives a worker. */
export class Caller {
  readonly memory: LaneMemory;
  readonly settings: LaneSettings;
  readonly table: RunTable;
  readonly told: Told[] = [];
  private readonly ring: RingProducer;
  private readonly verdicts: VerdictReader;
  private readonly requests = new Map<number, RunRequest>();
  private readonly issued = new Map<number, number>();

  constructor(options: TrackerOptions & { dir?: string; maxBytes?: number } = {}) {
    const { dir = newFolder(), maxBytes, ...others } = options;
    const settings = resolveOptions({ uri: NOWHERE, journal: { dir }, ...others }, {}, newFolder());
    // Smaller than anybody may ask for: it is full sooner.
    const journal = { ...settings.journal, ...(maxBytes === undefined ? {} : { maxBytes }) };
    this.settings = laneSettings({ ...settings, journal }, 0);
    this.memory = newLaneMemory(others.ringBytes ?? 2 ** 16);
    this.ring = new RingProducer(this.memory.ring);
    this.table = new RunTable(this.memory.runs);
    this.verdicts = new VerdictReader(this.memory.verdicts);
  }

  get journal(): LaneJournalSettings {
    if (this.settings.journal === undefined) throw new Error('it has no journal');
    return this.settings.journal;
  }

  /** Bytes of the ring that are not given back. */
  get used(): number {
    return this.ring.used;
  }

  start(slot: number, request: Partial<RunRequest> = {}): boolean {
    const whole = { ...requestOf(`run-${slot}`), resume: false, ...request };
    this.requests.set(slot, whole);
    return this.put(slot, 1, Kind.Run, '', JSON.stringify(whole));
  }

  tag(slot: number, seq: number, key = 'at', value = String(seq)): boolean {
    return this.put(slot, seq, Kind.Tag, key, value);
  }

  /** False: no room in the ring. */
  param(slot: number, seq: number, key: string, value: number): boolean {
    return this.published(slot, seq, writeScalar(this.ring, Kind.Number, slot, INLINE, key, seq, value) >= 0);
  }

  text(slot: number, seq: number, key: string, value: string): boolean {
    return this.put(slot, seq, Kind.Text, key, value);
  }

  config(slot: number, seq: number, path: string): boolean {
    return this.put(slot, seq, Kind.Config, '', JSON.stringify({ path }));
  }

  end(slot: number, seq: number): boolean {
    return this.put(slot, seq, Kind.End, '', JSON.stringify({ status: 'FINISHED', endTime: 2 }));
  }

  stop(request: number): void {
    Atomics.store(new Int32Array(this.memory.signals), Signal.Stop, request);
    this.ring.wake();
  }

  signal(word: number): number {
    return Atomics.load(new Int32Array(this.memory.signals), word);
  }

  get openRuns(): OpenRun[] {
    return [...this.requests].map(([slot, request]) => ({ slot, request, issued: this.issued.get(slot) ?? 0 }));
  }

  /** Everything told since. */
  listen(): readonly Told[] {
    this.verdicts.drain({
      onFailed: (slot, seq, count, error) => this.told.push({ slot, seq, count, error }),
      onCreated: () => undefined,
      onDown: () => undefined,
      onUp: () => undefined,
      onTrouble: () => undefined,
      onNotice: () => undefined,
    });
    return this.told;
  }

  private put(slot: number, seq: number, kind: Kind, key: string, text: string): boolean {
    return this.published(slot, seq, writeTextRecord(this.ring, kind, slot, INLINE, key, seq, text) >= 0);
  }

  private published(slot: number, seq: number, isWritten: boolean): boolean {
    if (!isWritten) return false;
    this.issued.set(slot, seq);
    if (this.ring.publish()) this.ring.wake();
    return true;
  }
}

/** What a dead worker asked for may be done, but it does not hear of it. */
function mortal(store: Store, isDead: () => boolean): Store {
  const heard = async <T>(call: Promise<T>): Promise<T> => {
    const answer = await call.catch((error: unknown) => {
      if (!isDead()) throw error;
    });
    // Undefined only where the other arm was taken by a dead one.
    return isDead() ? await new Promise<never>(() => undefined) : (answer as T);
  };
  return {
    remote: store.remote,
    open: () => heard(store.open()),
    createRun: (run) => heard(store.createRun(run)),
    land: (batch) => heard(store.land(batch)),
    endRun: (end) => heard(store.endRun(end)),
    close: () => store.close(),
  };
}

/** One worker of the caller's; the next one takes over. */
export class Worker {
  readonly intake: Intake;
  readonly journal: LaneJournal;
  readonly coalescer: Coalescer;
  readonly notices: string[] = [];
  private readonly delivery: Delivery;
  private readonly sender: Sender;
  private isDead = false;

  constructor(caller: Caller, store: Store, openRuns: readonly OpenRun[] = []) {
    const { memory, settings } = caller;
    const signals = new Int32Array(memory.signals);
    const ring = new RingConsumer(memory.ring);
    const verdicts = new VerdictWriter(memory.verdicts);
    const isGivenUp = (): boolean => this.isDead;
    this.coalescer = new Coalescer(settings.batch);
    this.sender = new Sender({
      store: mortal(store, isGivenUp),
      storeName: settings.location.display,
      retry: { ...settings.retry, minTimeout: 1, maxTimeout: 2, addedJitterMs: 0 },
      signals,
      watcher: { down: () => undefined, up: () => undefined, notice: (text) => this.notices.push(text) },
      onTurnedAway: () => undefined,
    });
    this.delivery = new Delivery({
      coalescer: this.coalescer,
      sender: this.sender,
      lingerMs: 0,
      listener: {
        settled: (queue, step) => this.settled(queue, step),
        get isGivenUp() {
          return isGivenUp();
        },
      },
    });
    this.journal = new LaneJournal({
      settings: caller.journal,
      location: settings.location,
      isOffline: settings.offline,
      coalescer: this.coalescer,
      pulse: { beat: () => undefined, pause: () => undefined },
      listener: {
        cannotWrite: ({ code }) => this.notices.push(code),
        canWriteAgain: () => this.notices.push('can be written again'),
        skipped: ({ reason }) => this.notices.push(reason),
      },
    });
    this.intake = new Intake({
      ring,
      record: new RecordReader(ring),
      keys: new KeyReader(memory.keys),
      ear: {
        table: new RunTable(memory.runs),
        verdicts,
        publish: () => verdicts.publish(),
        get isGivenUp() {
          return isGivenUp();
        },
      },
      coalescer: this.coalescer,
      mayFallBehind: () => this.journal.isWell,
      settings,
      clock: new LaneClock(signals, memory.epoch),
      epoch: memory.epoch,
      configTags: new ConfigTags(() => undefined),
    });
    this.journal.takeOver(this.intake.takeOver(openRuns));
    onTestFinished(() => this.die());
  }

  drain(limit = Number.POSITIVE_INFINITY): number {
    return this.intake.drain(limit);
  }

  keep(): boolean {
    const { drafted } = this.intake;
    const isKept = this.journal.keep(drafted);
    for (const queue of drafted) if (queue.drafts.isEmpty) drafted.delete(queue);
    if (isKept) this.intake.journaled();
    return isKept;
  }

  fill(): boolean {
    return this.journal.fill();
  }

  send(): void {
    this.delivery.start(true);
  }

  /** Nothing is under way, waits or is to be read. */
  get isIdle(): boolean {
    return this.delivery.sending === 0 && this.coalescer.active.size === 0 && !this.journal.hasBacklog;
  }

  /** What is under way comes to nothing; the journal is left as it is. */
  die(): void {
    this.isDead = true;
    this.sender.giveUp();
  }

  close(): void {
    this.die();
    this.journal.close();
  }

  private settled(queue: RunQueue, step: Step): void {
    if (step.kind === 'batch') for (const { stretch, count } of step.stretches) this.intake.settled(stretch, count);
    else if (step.stretch !== undefined) this.intake.settled(step.stretch, 1);
    if (step.kind === 'end') this.intake.forget(queue);
  }
}
