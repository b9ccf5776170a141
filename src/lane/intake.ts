import { Unpackr } from 'msgpackr/unpack';
import { ConfigFileError, HeadraceError, InvalidKeyError, ValueTooLongError } from '../errors.js';
import { type ConfigParam, readConfigFile } from '../params/config-file.js';
import { namesIn } from '../params/inner-separators.js';
import { keyProblem } from '../params/key.js';
import { codePoints, cutToCodePoints, isLonger } from '../params/length.js';
import { PARAM_VALUE_CODE_POINTS, TAG_VALUE_CODE_POINTS } from '../params/limits.js';
import { type NamedTree, Tag, type Tree } from '../params/tree.js';
import { SEPARATOR_TAG, typeTag, typeTagKey } from '../params/type-tag.js';
import { valueText } from '../params/value.js';
import type { RingConsumer } from '../ring/consumer.js';
import { INLINE, type KeyId, type KeyReader } from '../ring/key-table.js';
import { EMPTY, type Offset, reached } from '../ring/layout.js';
import { Kind, Literal, type RecordReader, type RunSlot } from '../ring/record.js';
import type { Item, RunStatus } from '../store/store.js';
import { CallersAccount, type CallersEar } from './account.js';
import type { LaneClock } from './clock.js';
import type { Coalescer } from './coalescer.js';
import type { ConfigTags } from './config-tags.js';
import type { Stretch } from './pending-batch.js';
import { Roster } from './roster.js';
import { type CallersQueue, RunQueue } from './run-queue.js';
import type { ConfigRequest, EndRequest, LaneSettings, OpenRun, RunRequest } from './task.js';

/** The clock is kept within 5 ms, and 256 records take about 0.2 ms. */
const RECORDS_PER_TICK = 256;

export interface IntakeParts {
  ring: RingConsumer;
  record: RecordReader;
  keys: KeyReader;
  ear: CallersEar;
  coalescer: Coalescer;
  /** Whether what is logged now may stay out of memory: it is going to be in the journal. */
  mayFallBehind: () => boolean;
  settings: LaneSettings;
  clock: LaneClock;
  epoch: number;
  configTags: ConfigTags;
  /** Shared with the intakes of other threads. */
  roster?: Roster | undefined;
  /** A run has been taken that was not known. */
  onOpened?: (queue: CallersQueue) => void;
}

/** From bytes in the ring to what a store can land: text, key rules, limits, one batch after the other. */
export class Intake {
  private readonly ring: RingConsumer;
  private readonly record: RecordReader;
  private readonly keys: KeyReader;
  private readonly ear: CallersEar;
  private readonly coalescer: Coalescer;
  private readonly mayFallBehind: () => boolean;
  private readonly settings: LaneSettings;
  private readonly clock: LaneClock;
  private readonly epoch: number;
  private readonly configTags: ConfigTags;
  private readonly unpackr = new Unpackr({ useRecords: false });
  /** Runs of which something is not in the journal. Empty without one. */
  readonly drafted: Set<CallersQueue> = new Set<CallersQueue>();
  private readonly hasJournal: boolean;
  private readonly queues = new Map<RunSlot, CallersQueue>();
  private readonly roster: Roster;
  private readonly onOpened: (queue: CallersQueue) => void;
  /** By key id: what is wrong with the key; null: nothing. */
  private readonly problems: (string | null | undefined)[] = [];
  /** What has been taken and not given back, in order. */
  private readonly stretches: Stretch[] = [];
  private stretch: Stretch = { end: 0, left: 0 };

  constructor(parts: IntakeParts) {
    this.ring = parts.ring;
    this.record = parts.record;
    this.keys = parts.keys;
    this.ear = parts.ear;
    this.coalescer = parts.coalescer;
    this.mayFallBehind = parts.mayFallBehind;
    this.hasJournal = parts.settings.journal !== undefined;
    this.settings = parts.settings;
    this.clock = parts.clock;
    this.epoch = parts.epoch;
    this.configTags = parts.configTags;
    this.roster = parts.roster ?? new Roster();
    this.onOpened = parts.onOpened ?? (() => {});
  }

  /** Runs that were open when this worker began: the store is asked for them again. */
  takeOver(openRuns: readonly OpenRun[]): CallersQueue[] {
    const { table } = this.ear;
    return openRuns.map(({ slot, request, issued }) => {
      const queue = this.newQueue(slot, table.isJoined(slot) ? { ...request, isJoined: true } : request);
      queue.triedTo = issued;
      queue.takenTo = table.journaled(slot);
      const endSeq = table.endSeq(slot);
      // The record that ends it is in the journal.
      queue.isEnding = endSeq !== 0 && reached(queue.takenTo, endSeq);
      this.coalescer.push(queue, { kind: 'create', request, seq: undefined, stretch: undefined, mayExist: true });
      return queue;
    });
  }

  /** Its runs end, as nobody else ends them: their thread is no more, or not asked. Again, until none is left. */
  endAll(status: RunStatus): void {
    for (const queue of this.queues.values()) {
      // What is in the journal alone comes before.
      if (queue.isEnding || queue.behind !== undefined) continue;
      queue.isEnding = true;
      queue.endsLast = true;
      queue.horizon = this.roster.horizon(this.ring);
      // Without a seq: the thread may be about to use the next one.
      this.coalescer.push(queue, { kind: 'end', request: { status, endTime: Date.now() }, seq: undefined, stretch: undefined });
    }
  }

  get hasRuns(): boolean {
    return this.queues.size > 0;
  }

  owns(queue: RunQueue): boolean {
    return queue.account instanceof CallersAccount && queue.account.ear === this.ear;
  }

  /** All that was published has been taken. */
  get isEmpty(): boolean {
    return this.ring.position === this.ring.published;
  }

  queue(slot: RunSlot): CallersQueue | undefined {
    return this.queues.get(slot);
  }

  /**
   * A run that is not of this process: one of the same id comes after it, also if it is open already. Its children,
   * which may name it by an id that the store does not know, wait until it is made. Returns the ids by which it is open.
   */
  precedes(queue: RunQueue): ReadonlySet<string> {
    const found = new Set<string>();
    for (const id of [queue.runId, queue.storeId]) {
      if (id === undefined) continue;
      let isOpen = false;
      for (const own of this.queues.values()) {
        if (own.request.parentRunId === id && own.storeId === undefined) own.parent ??= queue;
        if (own.runId !== id) continue;
        isOpen = true;
        // The first of several; of those that precede it each waits for the one before.
        if (!(own.after?.account instanceof CallersAccount)) own.after = queue;
      }
      if (isOpen) found.add(id);
    }
    return found;
  }

  /** A run that is to be resumed may be one of which a dead process has left something. */
  get mayHaveLeft(): boolean {
    for (const { request, storeId } of this.queues.values()) if (request.resume && storeId === undefined) return true;
    return false;
  }

  /** What has to come before something of this process. */
  awaited(): Iterable<RunQueue> {
    const waiting = [...this.queues.values()].filter(({ mustWait }) => mustWait);
    return waiting.flatMap(({ after, parent }) => [after, parent]).filter((queue) => queue !== undefined);
  }

  /** The run has ended: its slot may be another run's next. */
  forget(queue: RunQueue): void {
    const { account } = queue;
    if (account instanceof CallersAccount && this.queues.get(account.slot) === queue) this.queues.delete(account.slot);
    queue.ended = true;
    this.roster.forget(queue);
  }

  /** Takes up to `limit` records; returns how many. */
  drain(limit: number): number {
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

  /** Everything taken so far is in the journal, so the ring need not hold it. */
  journaled(): void {
    const last = this.stretches.pop();
    this.stretches.length = 0;
    if (last !== undefined) this.ring.release(last.end);
  }

  /** Something of a run waits for the journal, and nowhere else: what is taken now is counted with it. */
  get isBehind(): boolean {
    for (const { behind } of this.drafted) if (behind !== undefined) return true;
    return false;
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
    // A worker that takes over meets again what its predecessor settled, or has in the journal, behind a record that had not.
    if (((seq - this.ear.table.journaled(slot)) | 0) <= 0) return;
    this.stretch.left++;
    if (kind === Kind.Run) {
      this.takeRun(slot, seq, record.text(offset));
      return;
    }
    const queue = this.queues.get(slot);
    if (queue === undefined) throw new Error(`record ${seq} of kind ${kind} names run slot ${slot}, which is not open`);
    queue.takenTo = seq;
    if (this.hasJournal && queue.drafts.isEmpty) this.drafted.add(queue);
    this.fallBehind(queue, seq);
    switch (kind) {
      case Kind.End:
        // Our own text, from `Run.end`.
        this.takeEnd(queue, seq, JSON.parse(record.text(offset)) as EndRequest, this.stretch);
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
      this.roster.open(queue, this.ear, this.ring, this.ring.position);
      this.onOpened(queue);
    }
    queue.takenTo = seq;
    if (this.hasJournal) {
      this.drafted.add(queue);
      queue.drafts.opened(seq);
    }
    this.coalescer.push(queue, { kind: 'create', request, seq, stretch: this.stretch, mayExist: false });
  }

  private newQueue(slot: RunSlot, request: RunRequest): CallersQueue {
    const queue = new RunQueue(new CallersAccount(slot, request.id, this.ear), request);
    this.queues.set(slot, queue);
    return queue;
  }

  private takeEnd(queue: CallersQueue, seq: number, request: EndRequest, stretch: Stretch | undefined): void {
    queue.isEnding = true;
    queue.ending = { seq, request };
    queue.horizon = this.roster.horizon(this.ring);
    this.ear.table.setEndSeq(queue.account.slot, seq);
    if (this.hasJournal) queue.drafts.ended(seq, request);
    if (queue.behind === undefined) this.coalescer.push(queue, { kind: 'end', request, seq, stretch });
  }

  /** Memory is full, or holds not all of what came before: from this record on it waits in the journal alone. */
  private fallBehind(queue: CallersQueue, seq: number): void {
    if (queue.behind !== undefined || this.coalescer.hasRoomFor(queue) || !this.mayFallBehind()) return;
    queue.behind = { readTo: (seq - 1) >>> 0, from: undefined, last: 0, isMissed: false, isDoubtful: false };
    this.coalescer.closeBatch(queue);
  }

  private takeItem(queue: CallersQueue, seq: number, kind: Kind, offset: Offset): void {
    const id = this.record.keyId(offset);
    const key = id === INLINE ? this.record.inlineKey(offset) : this.keys.name(id);
    const problem = this.problemOf(id, key);
    if (problem !== undefined) {
      this.refuse(queue, seq, new InvalidKeyError({ key, reason: problem }));
      return;
    }
    const { record } = this;
    switch (kind) {
      case Kind.Metric:
        this.addWhole(queue, seq, id, {
          kind: 'metric',
          key,
          value: record.value(offset),
          timestamp: this.epoch + record.metricStamp(offset),
          step: record.metricStep(offset),
        });
        return;
      case Kind.MetricWide:
        this.addWhole(queue, seq, id, {
          kind: 'metric',
          key,
          value: record.value(offset),
          timestamp: record.wideTimestamp(offset),
          step: record.wideStep(offset),
        });
        return;
      case Kind.Tag: {
        const value = this.limited(key, record.text(offset), TAG_VALUE_CODE_POINTS);
        if (value instanceof HeadraceError) this.refuse(queue, seq, value);
        else this.addWhole(queue, seq, id, { kind: 'tag', key, value });
        return;
      }
      case Kind.NamedTree: {
        // Packed by `Run`.
        const [names, value] = this.unpackr.unpack(record.copyBytes(offset)) as NamedTree;
        this.takeParam(queue, seq, id, { key, names, value });
        return;
      }
      default: {
        const inner = record.inner(offset);
        const names = inner === 0 ? undefined : namesIn(key, this.settings.separator, inner);
        this.takeParam(queue, seq, id, { key, names, value: this.tree(kind, offset) });
      }
    }
  }

  private takeParam(queue: CallersQueue, seq: number, id: KeyId, param: ConfigParam): void {
    const items = this.itemsOf(queue, param, true);
    if (items instanceof HeadraceError) {
      this.refuse(queue, seq, items);
      return;
    }
    if (items.length === 1) {
      this.addWhole(queue, seq, id, items[0]);
      return;
    }
    // Tags make nothing of the id.
    for (const item of items) this.addPart(queue, seq, id, item);
    this.endParts(queue, seq);
  }

  /** The param, and tags of what neither its text nor its key tells. `isTyped`: it was more than text when it was logged. */
  private itemsOf(
    queue: CallersQueue,
    { key, names, value }: ConfigParam,
    isTyped: boolean,
  ): [param: Item, ...tags: Item[]] | HeadraceError {
    const whole = valueText(value, this.settings.valueFormat);
    const text = this.limited(key, whole, PARAM_VALUE_CODE_POINTS);
    if (text instanceof HeadraceError) return text;
    const items: [Item, ...Item[]] = [{ kind: 'param', key, value: text }];
    const type = isTyped ? typeTag(value, text, text !== whole, names) : undefined;
    if (type !== undefined) items.push({ kind: 'tag', key: typeTagKey(key, text), value: type });
    if (this.settings.separator === '/' && !queue.isSeparatorTold && /[./]/.test(key)) {
      queue.isSeparatorTold = true;
      items.push({ kind: 'tag', key: SEPARATOR_TAG, value: '/' });
    }
    return items;
  }

  private tree(kind: Kind, offset: Offset): Tree {
    const record = this.record;
    switch (kind) {
      case Kind.Number:
        return record.value(offset);
      case Kind.Text:
        return record.text(offset);
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
  private takeConfig(queue: CallersQueue, seq: number, text: string): void {
    // Our own text, from `Run.logConfig`.
    const { path, prefix } = JSON.parse(text) as ConfigRequest;
    // Keys of a file are not interned: in a batch of their own nothing is met both by id and by text.
    this.coalescer.closeBatch(queue);
    try {
      const file = readConfigFile(path, { separator: this.settings.separator, ...(prefix === undefined ? {} : { prefix }) });
      for (const param of file.params) {
        const problem = keyProblem(param.key);
        const items =
          problem === undefined
            ? this.itemsOf(queue, param, file.isTyped)
            : new InvalidKeyError({ key: param.key, reason: problem });
        if (items instanceof HeadraceError) this.refusePart(queue, seq, items);
        else for (const item of items) this.addPart(queue, seq, INLINE, item);
      }
      for (const [key, value] of this.configTags.of(queue.runId, path, file))
        this.addPart(queue, seq, INLINE, { kind: 'tag', key, value });
    } catch (error) {
      if (!(error instanceof ConfigFileError)) throw error;
      this.refusePart(queue, seq, error);
    }
    this.endParts(queue, seq);
    if (queue.behind === undefined) this.coalescer.closeBatch(queue);
  }

  /** A record of one item. */
  private addWhole(queue: CallersQueue, seq: number, id: KeyId, item: Item): void {
    if (this.hasJournal) queue.drafts.add(seq, item);
    if (queue.behind !== undefined) return;
    this.coalescer.add(queue, seq, id, item);
    this.coalescer.complete(queue, seq, this.stretch);
  }

  private addPart(queue: CallersQueue, seq: number, id: KeyId, item: Item): void {
    if (this.hasJournal) queue.drafts.addPart(seq, item);
    if (queue.behind === undefined) this.coalescer.add(queue, seq, id, item);
  }

  private endParts(queue: CallersQueue, seq: number): void {
    if (this.hasJournal) queue.drafts.endParts(seq);
    if (queue.behind === undefined) this.coalescer.complete(queue, seq, this.stretch);
  }

  private refuse(queue: CallersQueue, seq: number, error: HeadraceError): void {
    this.refusePart(queue, seq, error);
    if (this.hasJournal) queue.drafts.addNothing(seq);
    if (queue.behind === undefined) this.coalescer.complete(queue, seq, this.stretch);
  }

  private refusePart(queue: CallersQueue, seq: number, error: HeadraceError): void {
    if (this.hasJournal) queue.drafts.refused.push({ seq, error });
    if (queue.behind === undefined) this.coalescer.refuse(queue, seq, error);
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

  private limited(key: string, text: string, limit: number): string | HeadraceError {
    if (!isLonger(text, limit)) return text;
    if (this.settings.onLongValue === 'truncate') return cutToCodePoints(text, limit);
    return new ValueTooLongError({ key, length: codePoints(text), limit });
  }
}
