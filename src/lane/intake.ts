import { Unpackr } from 'msgpackr/unpack';
import { ConfigFileError, HeadraceError, InvalidKeyError, ValueTooLongError } from '../errors.js';
import { readConfigFile } from '../params/config-file.js';
import { keyProblem } from '../params/key.js';
import { codePoints, cutToCodePoints, isLonger } from '../params/length.js';
import { PARAM_VALUE_CODE_POINTS, TAG_VALUE_CODE_POINTS } from '../params/limits.js';
import { Tag, type Tree } from '../params/tree.js';
import { valueText } from '../params/value.js';
import type { RingConsumer } from '../ring/consumer.js';
import { INLINE, type KeyId, type KeyReader } from '../ring/key-table.js';
import { EMPTY, type Offset } from '../ring/layout.js';
import { Kind, Literal, type RecordReader, type RunSlot } from '../ring/record.js';
import type { LaneClock } from './clock.js';
import type { ConfigTags } from './config-tags.js';
import { ParamPlaces, PendingBatch, RunQueue, type Step, type Stretch } from './run-queue.js';
import type { RunTable } from './run-table.js';
import type { ConfigRequest, EndRequest, LaneSettings, OpenRun, RunRequest } from './task.js';

/** The clock is kept within 5 ms, and 256 records take about 0.2 ms. */
const RECORDS_PER_TICK = 256;

/** From bytes in the ring to what a store can land: text, key rules, limits, one batch after the other. */
export class Intake {
  private readonly ring: RingConsumer;
  private readonly record: RecordReader;
  private readonly keys: KeyReader;
  private readonly table: RunTable;
  private readonly settings: LaneSettings;
  private readonly clock: LaneClock;
  private readonly epoch: number;
  private readonly configTags: ConfigTags;
  private readonly places = new ParamPlaces();
  private readonly unpackr = new Unpackr({ useRecords: false });
  /** Runs that have something to send. */
  readonly active: Set<RunQueue> = new Set<RunQueue>();
  private readonly queues = new Map<RunSlot, RunQueue>();
  /** By run id. A run may be resumed before its end has been stored, and then has two queues. */
  private readonly latest = new Map<string, RunQueue>();
  /** By key id: what is wrong with the key; null: nothing. */
  private readonly problems: (string | null | undefined)[] = [];
  /** What has been taken and not given back, in order. */
  private readonly stretches: Stretch[] = [];
  private stretch: Stretch = { end: 0, left: 0 };
  private now = 0;

  constructor(parts: {
    ring: RingConsumer;
    record: RecordReader;
    keys: KeyReader;
    table: RunTable;
    settings: LaneSettings;
    clock: LaneClock;
    epoch: number;
    configTags: ConfigTags;
  }) {
    this.ring = parts.ring;
    this.record = parts.record;
    this.keys = parts.keys;
    this.table = parts.table;
    this.settings = parts.settings;
    this.clock = parts.clock;
    this.epoch = parts.epoch;
    this.configTags = parts.configTags;
  }

  /** Runs that were open when this worker began: the store is asked for them again. */
  takeOver(openRuns: readonly OpenRun[]): void {
    for (const { slot, request } of openRuns) {
      const queue = this.newQueue(slot, request);
      this.push(queue, { kind: 'create', request, seq: undefined, stretch: undefined });
    }
  }

  queue(slot: RunSlot): RunQueue | undefined {
    return this.queues.get(slot);
  }

  /** The run has ended: its slot may be another run's next. */
  forget(queue: RunQueue): void {
    if (this.queues.get(queue.slot) === queue) this.queues.delete(queue.slot);
    queue.ended = true;
    if (this.latest.get(queue.runId) === queue) this.latest.delete(queue.runId);
  }

  /** Takes up to `limit` records; returns how many. */
  drain(limit: number): number {
    this.now = Date.now();
    this.stretch = { end: 0, left: 0 };
    let taken = 0;
    while (taken < limit) {
      const offset = this.ring.next();
      if (offset === EMPTY) break;
      if ((++taken & (RECORDS_PER_TICK - 1)) === 0) this.clock.tick();
      this.take(offset);
    }
    if (taken > 0) {
      this.stretch.end = this.ring.position;
      this.stretches.push(this.stretch);
      this.release();
    }
    return taken;
  }

  /** `count` records of a stretch have settled. */
  settled(stretch: Stretch, count: number): void {
    stretch.left -= count;
    if (stretch.left === 0) this.release();
  }

  private release(): void {
    let done = 0;
    while (this.stretches[done]?.left === 0) done++;
    const last = this.stretches[done - 1];
    if (last === undefined) return;
    this.stretches.splice(0, done);
    this.ring.release(last.end);
  }

  private take(offset: Offset): void {
    const record = this.record;
    const kind = record.kind(offset);
    const slot = record.run(offset);
    const seq = record.seq(offset);
    // A worker that takes over meets again what its predecessor settled behind a record that had not.
    if (((seq - this.table.settled(slot)) | 0) <= 0) return;
    this.stretch.left++;
    if (kind === Kind.Run) {
      this.takeRun(slot, seq, record.text(offset));
      return;
    }
    const queue = this.queues.get(slot);
    if (queue === undefined) throw new Error(`record ${seq} of kind ${kind} names run slot ${slot}, which is not open`);
    switch (kind) {
      case Kind.End:
        // Our own text, from `Run.end`.
        this.push(queue, { kind: 'end', request: JSON.parse(record.text(offset)) as EndRequest, seq, stretch: this.stretch });
        return;
      case Kind.Config:
        this.takeConfig(queue, seq, record.text(offset));
        return;
      default:
        this.takeItem(queue, seq, kind, offset);
    }
  }

  private takeRun(slot: RunSlot, seq: number, text: string): void {
    // Our own text, from `startRun`.
    const request = JSON.parse(text) as RunRequest;
    let queue = this.queues.get(slot);
    if (queue === undefined || queue.runId !== request.id) {
      queue = this.newQueue(slot, request);
    }
    this.push(queue, { kind: 'create', request, seq, stretch: this.stretch });
  }

  private newQueue(slot: RunSlot, { id, parentRunId }: RunRequest): RunQueue {
    const queue = new RunQueue(slot, id);
    queue.after = this.latest.get(id);
    if (parentRunId !== undefined) queue.parent = this.latest.get(parentRunId);
    this.queues.set(slot, queue);
    this.latest.set(id, queue);
    return queue;
  }

  private takeItem(queue: RunQueue, seq: number, kind: Kind, offset: Offset): void {
    const id = this.record.keyId(offset);
    const key = id === INLINE ? this.record.inlineKey(offset) : this.keys.name(id);
    const problem = this.problemOf(id, key);
    if (problem !== undefined) {
      this.refuse(queue, seq, new InvalidKeyError({ key, reason: problem }));
      return;
    }
    let batch = this.openBatch(queue, seq);
    if (kind === Kind.Metric || kind === Kind.MetricWide) {
      const wide = kind === Kind.MetricWide;
      const value = this.record.value(offset);
      const step = wide ? this.record.wideStep(offset) : this.record.metricStep(offset);
      const timestamp = wide ? this.record.wideTimestamp(offset) : this.epoch + this.record.metricStamp(offset);
      if (!batch.addMetric(seq, key, value, timestamp, step)) {
        batch = this.nextBatch(queue, seq);
        batch.addMetric(seq, key, value, timestamp, step);
      }
      batch.complete(seq, this.stretch);
      return;
    }
    const isTag = kind === Kind.Tag;
    const text = this.limited(key, isTag ? this.record.text(offset) : this.paramText(kind, offset), isTag);
    if (text instanceof HeadraceError) {
      this.refuse(queue, seq, text);
      return;
    }
    const added = isTag ? batch.addTag(seq, key, text) : batch.addParam(seq, id, key, text);
    if (!added) {
      batch = this.nextBatch(queue, seq);
      if (isTag) batch.addTag(seq, key, text);
      else batch.addParam(seq, id, key, text);
    }
    batch.complete(seq, this.stretch);
  }

  private paramText(kind: Kind, offset: Offset): string {
    const record = this.record;
    switch (kind) {
      case Kind.Number:
        return valueText(record.value(offset), this.settings.valueFormat);
      case Kind.Text:
        return record.text(offset);
      default:
        return valueText(this.tree(kind, offset), this.settings.valueFormat);
    }
  }

  private tree(kind: Kind, offset: Offset): Tree {
    const record = this.record;
    switch (kind) {
      case Kind.Digits:
        return [Tag.BigInt, record.text(offset)];
      case Kind.Date:
        return [Tag.Date, record.value(offset)];
      case Kind.Literal: {
        const literal = record.value(offset);
        return literal === Literal.Null ? null : literal === Literal.True;
      }
      case Kind.Tree:
        // Packed by `Run` from a Tree.
        return this.unpackr.unpack(record.copyBytes(offset)) as Tree;
      default:
        throw new Error(`a param of kind ${kind}`);
    }
  }

  /** A config file: its params, then the tags that tell where they came from. One record, one receipt. */
  private takeConfig(queue: RunQueue, seq: number, text: string): void {
    // Our own text, from `Run.logConfig`.
    const { path, prefix } = JSON.parse(text) as ConfigRequest;
    // Keys of a file are not interned: in a batch of their own nothing is met both by id and by text.
    this.closeBatch(queue);
    try {
      const file = readConfigFile(path, { separator: this.settings.separator, ...(prefix === undefined ? {} : { prefix }) });
      for (const param of file.params) {
        const problem = keyProblem(param.key);
        const value = problem === undefined && this.limited(param.key, valueText(param.value, this.settings.valueFormat), false);
        if (problem !== undefined) this.refusePart(queue, seq, new InvalidKeyError({ key: param.key, reason: problem }));
        else if (value instanceof HeadraceError) this.refusePart(queue, seq, value);
        else if (typeof value === 'string' && !this.openBatch(queue, seq).addParam(seq, INLINE, param.key, value)) {
          this.nextBatch(queue, seq).addParam(seq, INLINE, param.key, value);
        }
      }
      for (const [key, value] of this.configTags.of(queue.runId, path, file)) {
        if (!this.openBatch(queue, seq).addTag(seq, key, value)) this.nextBatch(queue, seq).addTag(seq, key, value);
      }
    } catch (error) {
      if (!(error instanceof ConfigFileError)) throw error;
      this.refusePart(queue, seq, error);
    }
    this.openBatch(queue, seq).complete(seq, this.stretch);
    this.closeBatch(queue);
  }

  private refuse(queue: RunQueue, seq: number, error: HeadraceError): void {
    this.refusePart(queue, seq, error);
    this.openBatch(queue, seq).complete(seq, this.stretch);
  }

  private refusePart(queue: RunQueue, seq: number, error: HeadraceError): void {
    this.openBatch(queue, seq).addRefused(seq, error);
  }

  private problemOf(id: KeyId, key: string): string | undefined {
    if (id === INLINE) return keyProblem(key);
    let problem = this.problems[id];
    if (problem === undefined) {
      problem = keyProblem(key) ?? null;
      this.problems[id] = problem;
    }
    return problem ?? undefined;
  }

  private limited(key: string, text: string, isTag: boolean): string | HeadraceError {
    const limit = isTag ? TAG_VALUE_CODE_POINTS : PARAM_VALUE_CODE_POINTS;
    if (!isLonger(text, limit)) return text;
    if (this.settings.onLongValue === 'truncate') return cutToCodePoints(text, limit);
    return new ValueTooLongError({ key, length: codePoints(text), limit });
  }

  /** The batch that the run's next record may join: its last one, unless a sender has it or it is full. */
  private openBatch(queue: RunQueue, seq: number): PendingBatch {
    const last = queue.steps[queue.steps.length - 1];
    if (last !== undefined && last.kind === 'batch' && !last.full && !(queue.busy && queue.steps.length === 1)) return last;
    return this.newBatch(queue, seq);
  }

  private nextBatch(queue: RunQueue, seq: number): PendingBatch {
    this.closeBatch(queue);
    return this.newBatch(queue, seq);
  }

  private newBatch(queue: RunQueue, seq: number): PendingBatch {
    const batch = new PendingBatch(this.places, this.settings.batch, seq, this.now);
    this.push(queue, batch);
    return batch;
  }

  private push(queue: RunQueue, step: Step): void {
    queue.steps.push(step);
    this.active.add(queue);
  }

  private closeBatch(queue: RunQueue): void {
    const last = queue.steps[queue.steps.length - 1];
    if (last?.kind === 'batch') last.close();
  }
}
