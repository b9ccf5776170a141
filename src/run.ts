import { resolve as resolvePath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Packr } from 'msgpackr/pack';
import type { FlushOptions, ParamTree, ParamValue, Receipt, Run } from './api.js';
import {
  ClosedError,
  HeadraceError,
  InvalidKeyError,
  InvalidValueError,
  RecordTooLargeError,
  RingFullError,
  runName,
  ValueTooLongError,
} from './errors.js';
import type { CallerClock } from './lane/clock.js';
import type { Producer } from './lane/producer.js';
import type { ConfigRequest, EndRequest, RunRequest } from './lane/task.js';
import { type CallerRefusal, CREATION_SEQ, type Ledger } from './ledger.js';
import { flatten } from './params/flatten.js';
import type { InnerSeparators } from './params/inner-separators.js';
import { thrownText } from './params/kind.js';
import { codePoints, cutToCodePoints } from './params/length.js';
import { PARAM_VALUE_CODE_POINTS, TAG_VALUE_CODE_POINTS } from './params/limits.js';
import { take } from './params/take.js';
import { HAS_LONE_SURROGATE, HAS_NUL_CHARACTER } from './params/text.js';
import { type NamedTree, Tag, type Tree } from './params/tree.js';
import { GroupReceipt, RecordReceipt, RefusedReceipt } from './receipt.js';
import type { Report } from './report.js';
import { INLINE, type KeyId, type KeyWriter, MAX_KEY_UNITS } from './ring/key-table.js';
import { maxRecordBytes, NO_ROOM } from './ring/layout.js';
import type { RingProducer } from './ring/producer.js';
import {
  KEY_LONE_SURROGATE,
  KEY_NUL_CHARACTER,
  Kind,
  Literal,
  type RunSlot,
  TOO_LARGE,
  type Written,
  writeBytesRecord,
  writeMetric,
  writeMetricWide,
  writeNumber,
  writeScalar,
  writeTextRecord,
} from './ring/record.js';
import { LONE_SURROGATE } from './ring/text.js';
import type { RunStatus } from './store/store.js';
import type { CallerSettings } from './threads/handle.js';

const packr = new Packr({ useRecords: false });

/** A run that ends while the ring is full looks for room this often. */
const ROOM_POLL_MS = 5;

/** What flush, end and close wait for. */
export interface Work {
  readonly settled: Promise<unknown>;
  /** All of it survives this process. */
  readonly isDurable: () => boolean;
}

/** What a run needs of its tracker. */
export interface RunHost {
  refused(error: HeadraceError, run: LaneRun): void;
  /** Waits for `work` on these runs and reports on them. */
  settle(runs: readonly LaneRun[], work: Work, options: FlushOptions | undefined): Promise<Report>;
  ended(run: LaneRun): void;
}

/** A run as the caller holds it: writes records into its lane's ring and hands back receipts. */
export class LaneRun implements Run {
  readonly id: string;
  readonly ledger: Ledger;
  readonly lane: Producer;
  private readonly host: RunHost;
  private readonly settings: CallerSettings;
  private readonly ring: RingProducer;
  private readonly keys: KeyWriter;
  private readonly clock: CallerClock;
  private readonly slot: RunSlot;
  /** Why nothing more is taken; undefined while the run is open. */
  private closed: (() => HeadraceError) | undefined;
  private ending: Promise<Report> | undefined;
  private finished: Promise<void> | undefined;
  /** How it is to end; the first to say so decides. */
  private endRequest: EndRequest | undefined;

  constructor(host: RunHost, settings: CallerSettings, lane: Producer, ledger: Ledger) {
    this.id = ledger.runId;
    this.host = host;
    this.settings = settings;
    this.lane = lane;
    this.ledger = ledger;
    this.ring = lane.ring;
    this.keys = lane.keys;
    this.clock = lane.clock;
    this.slot = ledger.slot;
  }

  get storeId(): Promise<string> {
    return this.ledger.outcome(CREATION_SEQ, CREATION_SEQ, false).then(() => this.lane.storeId(this.ledger));
  }

  get isOpen(): boolean {
    return this.closed === undefined;
  }

  // ---- the hot path: no allocation but the receipt, one publishing store ----

  logMetric(key: string, value: number, step: number = 0, timestamp?: number): Receipt {
    const id = this.keys.id(key);
    if (
      timestamp === undefined &&
      typeof value === 'number' &&
      typeof step === 'number' &&
      (step | 0) === step &&
      this.closed === undefined
    ) {
      const stamp = this.clock.stamp();
      if (id !== INLINE && stamp !== 0) {
        const ledger = this.ledger;
        const seq = ledger.issued + 1;
        if (writeMetric(this.ring, this.slot, id, seq, value, step, stamp) !== NO_ROOM) {
          ledger.issued = seq;
          if (this.ring.publish()) this.lane.wake();
          return new RecordReceipt(ledger, seq);
        }
      }
    }
    return this.receipt(this.placeMetric(key, value, step, timestamp, id));
  }

  logParam(key: string, value: ParamValue): Receipt {
    const id = this.keys.id(key);
    if (typeof value === 'number' && id !== INLINE && this.closed === undefined) {
      const ledger = this.ledger;
      const seq = ledger.issued + 1;
      if (writeNumber(this.ring, this.slot, id, seq, value) !== NO_ROOM) {
        ledger.issued = seq;
        if (this.ring.publish()) this.lane.wake();
        return new RecordReceipt(ledger, seq);
      }
    }
    return this.receipt(this.placeParam(key, value, id));
  }

  // ---- bulk: one receipt, one publish ----

  logParams(params: ParamTree, options?: { prefix?: string }): Receipt {
    return this.group((place) => {
      flatten(
        params,
        options?.prefix,
        this.settings.separator,
        (key, value, inner, names) =>
          place(
            names === undefined
              ? this.placeParam(key, value, this.keys.id(key), inner)
              : this.placeNamed(key, names, value, this.keys.id(key)),
          ),
        (_key, error) => place(error),
      );
    });
  }

  logMetrics(metrics: Readonly<Record<string, number>>, step: number = 0): Receipt {
    return this.group((place) => {
      for (const [key, value] of entriesOf(metrics, 'metrics'))
        place(this.placeMetric(key, value, step, undefined, this.keys.id(key)));
    });
  }

  setTag(key: string, value: string): Receipt {
    return this.receipt(this.placeTag(key, value));
  }

  setTags(tags: Readonly<Record<string, string>>): Receipt {
    return this.group((place) => {
      for (const [key, value] of entriesOf(tags, 'tags')) place(this.placeTag(key, value));
    });
  }

  logConfig(path: string, options?: { prefix?: string }): Receipt {
    if (typeof path !== 'string' || path === '') {
      return this.receipt(
        new InvalidValueError({ key: 'path', reason: 'is no path; give the name of a .json, .yaml, .yml, .toml or .env file' }),
      );
    }
    try {
      const prefix = options?.prefix;
      if (prefix !== undefined && typeof prefix !== 'string')
        throw new InvalidValueError({ key: 'prefix', reason: `is ${nameOf(prefix)}; give a text` });
      // Absolute now: the program may change its folder before the worker reads the file.
      const request: ConfigRequest = { path: resolvePath(path), prefix };
      return this.receipt(this.placeControl(Kind.Config, request));
    } catch (error) {
      // A getter of `options`, or a current folder that is gone.
      return this.receipt(unreadable('path', error));
    }
  }

  // ---- end ----

  flush(options?: FlushOptions): Promise<Report> {
    return this.host.settle([this], this.unsettled(), options);
  }

  async end(status: RunStatus = 'FINISHED', options?: FlushOptions): Promise<Report> {
    if (status !== 'FINISHED' && status !== 'FAILED' && status !== 'KILLED') {
      throw new InvalidValueError({ key: 'status', reason: `is ${numberOrName(status)}; a run ends FINISHED, FAILED or KILLED` });
    }
    this.ending ??= this.host.settle([this], this.toFinish(status), options);
    return await this.ending;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // An end that was asked for already has told its caller how it went.
    if (this.ending === undefined) await this.end();
  }

  /** Makes the run in the store: its first record. */
  begin(request: RunRequest): HeadraceError | undefined {
    return this.placeControl(Kind.Run, request, this.settings.blockTimeoutMs);
  }

  /** The lane is broken: the run can't be made, and its receipts say why. */
  stillborn(reason: HeadraceError): undefined {
    this.ledger.issued = CREATION_SEQ;
    this.ledger.failRest(reason);
    this.refuseFromNowOn(reason);
  }

  /** Everything logged so far. */
  unsettled(): Work {
    const { ledger } = this;
    const { issued } = ledger;
    return { settled: ledger.whenSettled(), isDurable: () => ledger.durable() >= issued };
  }

  /** Everything, and the end. */
  toFinish(status: RunStatus): Work {
    return {
      settled: this.finish(status).then(() => this.host.ended(this)),
      isDurable: () => this.ledger.endIsDurable,
    };
  }

  /** Takes nothing more and resolves when the run has ended in the store, or can't. Never rejects. */
  finish(status: RunStatus): Promise<void> {
    this.finished ??= this.finishOnce(status);
    return this.finished;
  }

  /** Takes nothing more and writes the record that ends the run. False: there was no room within `waitMs`. */
  writeEnd(status: RunStatus, waitMs: number): boolean {
    this.endRequest ??= { status, endTime: Date.now() };
    this.lane.hearOthers();
    const { ledger } = this;
    this.closed ??= () => new ClosedError({ what: `${runName({ runId: this.id, storeId: ledger.storeId })} has ended` });
    if (ledger.endSeq !== 0 || this.lane.broken !== undefined) return true;
    if (this.writeControl(Kind.End, this.endRequest, waitMs) !== undefined) return this.lane.broken !== undefined;
    ledger.endSeq = ledger.issued;
    return true;
  }

  refuseFromNowOn(reason: HeadraceError): void {
    this.closed = () => reason;
  }

  private async finishOnce(status: RunStatus): Promise<void> {
    // The ring is full because the store is slow: the caller's event loop need not stand still for it.
    while (!this.writeEnd(status, 0)) await sleep(ROOM_POLL_MS, undefined, { ref: false });
    await this.ledger.whenSettled();
  }

  // ---- placing a record: every error comes back, none is thrown ----

  private placeMetric(
    key: string,
    value: number,
    step: number,
    timestamp: number | undefined,
    id: KeyId,
  ): HeadraceError | undefined {
    const problem = this.problemWith(key);
    if (problem !== undefined) return problem;
    if (typeof value !== 'number') return new InvalidValueError({ key, reason: `is ${nameOf(value)}; a metric is a number` });
    if (!Number.isSafeInteger(step))
      return new InvalidValueError({ key, reason: `has step ${numberOrName(step)}; a step is a whole number` });
    if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
      return new InvalidValueError({
        key,
        reason: `has timestamp ${numberOrName(timestamp)}; give whole milliseconds since 1970`,
      });
    }
    const stamp = timestamp === undefined && id !== INLINE && (step | 0) === step ? this.clock.read() : 0;
    if (stamp !== 0) return this.place(key, (seq) => writeMetric(this.ring, this.slot, id, seq, value, step, stamp));
    const at = timestamp ?? Date.now();
    return this.place(key, (seq) => writeMetricWide(this.ring, this.slot, id, key, seq, value, step, at));
  }

  private placeParam(key: string, value: unknown, id: KeyId, inner: InnerSeparators = 0): HeadraceError | undefined {
    const problem = this.problemWith(key);
    if (problem !== undefined) return problem;
    switch (typeof value) {
      case 'number':
        return this.placeScalar(Kind.Number, key, id, value, inner);
      case 'boolean':
        return this.placeScalar(Kind.Literal, key, id, value ? Literal.True : Literal.False, inner);
      case 'string':
        return this.placeText(Kind.Text, key, id, value, PARAM_VALUE_CODE_POINTS, inner);
      case 'bigint':
        return this.placeText(Kind.Digits, key, id, String(value), Number.POSITIVE_INFINITY, inner);
      default:
        return value === null
          ? this.placeScalar(Kind.Literal, key, id, Literal.Null, inner)
          : this.placeObject(key, id, value, inner);
    }
  }

  private placeObject(key: string, id: KeyId, value: unknown, inner: InnerSeparators): HeadraceError | undefined {
    let tree: Tree;
    try {
      tree = take(value, key);
    } catch (error) {
      return unreadable(key, error);
    }
    if (typeof tree === 'string') return this.placeText(Kind.Text, key, id, tree, PARAM_VALUE_CODE_POINTS, inner);
    if (Array.isArray(tree) && tree[0] === Tag.Date) return this.placeScalar(Kind.Date, key, id, Number(tree[1]), inner);
    const packed = packr.pack(tree);
    return this.place(key, (seq) => writeBytesRecord(this.ring, Kind.Tree, this.slot, id, key, seq, packed, inner));
  }

  private placeNamed(key: string, names: readonly string[], value: unknown, id: KeyId): HeadraceError | undefined {
    const problem = this.problemWith(key);
    if (problem !== undefined) return problem;
    let named: NamedTree;
    try {
      named = [names, take(value, key)];
    } catch (error) {
      return unreadable(key, error);
    }
    const packed = packr.pack(named);
    return this.place(key, (seq) => writeBytesRecord(this.ring, Kind.NamedTree, this.slot, id, key, seq, packed));
  }

  private placeScalar(kind: Kind, key: string, id: KeyId, value: number, inner: InnerSeparators): HeadraceError | undefined {
    return this.place(key, (seq) => writeScalar(this.ring, kind, this.slot, id, key, seq, value, inner));
  }

  private placeTag(key: string, value: string): HeadraceError | undefined {
    const problem = this.problemWith(key);
    if (problem !== undefined) return problem;
    if (typeof value !== 'string') return new InvalidValueError({ key, reason: `is ${nameOf(value)}; a tag is text` });
    return this.placeText(Kind.Tag, key, this.keys.id(key), value, TAG_VALUE_CODE_POINTS);
  }

  private placeText(
    kind: Kind,
    key: string,
    id: KeyId,
    value: string,
    limit: number,
    inner: InnerSeparators = 0,
  ): HeadraceError | undefined {
    let text = value;
    // A code point has two UTF-16 units at most: what is surely too long need not travel.
    if (text.length > limit * 2) {
      if (this.settings.onLongValue === 'reject') return new ValueTooLongError({ key, length: codePoints(text), limit });
      text = cutToCodePoints(text, limit);
    }
    return this.place(key, (seq) => writeTextRecord(this.ring, kind, this.slot, id, key, seq, text, inner));
  }

  private placeControl(kind: Kind, request: ConfigRequest | EndRequest | RunRequest, waitMs?: number): HeadraceError | undefined {
    return this.closed?.() ?? this.writeControl(kind, request, waitMs);
  }

  private writeControl(
    kind: Kind,
    request: ConfigRequest | EndRequest | RunRequest,
    waitMs: number | undefined,
  ): HeadraceError | undefined {
    const text = JSON.stringify(request);
    const error = this.place('', (seq) => writeTextRecord(this.ring, kind, this.slot, INLINE, '', seq, text), waitMs);
    // A run alone does not need its worker at once, and making that takes longer than all of `startRun`.
    if (this.ring.publish() && (kind !== Kind.Run || this.lane.isBooted)) this.lane.wake();
    return error;
  }

  private problemWith(key: string): HeadraceError | undefined {
    if (this.closed !== undefined) return this.closed();
    if (typeof key !== 'string') return new InvalidKeyError({ key: nameOf(key), reason: 'is no text; a key is a string' });
    if (key.length > MAX_KEY_UNITS)
      return new InvalidKeyError({ key, reason: `has ${codePoints(key)} code points, MLflow takes 250` });
    return undefined;
  }

  /** Writes a record, waiting for room as `onFull` says or `waitMs`; not published yet. */
  private place(key: string, write: (seq: number) => Written, waitMs?: number): HeadraceError | undefined {
    const seq = this.ledger.issued + 1;
    let written = write(seq);
    if (written === NO_ROOM) {
      // What this call has written so far must be seen, or the room that it takes is never given back.
      this.publish();
      const startedAt = performance.now();
      const limitMs = waitMs ?? (this.settings.onFull === 'reject' ? 0 : this.settings.blockTimeoutMs);
      while (written === NO_ROOM && this.lane.awaitRoom(startedAt, limitMs)) written = write(seq);
      if (written === NO_ROOM) {
        const waitedMs = Math.round(performance.now() - startedAt);
        return this.lane.broken ?? new RingFullError({ neededBytes: this.ring.lacking, waitedMs });
      }
    }
    if (written < 0) return this.refusal(written, key);
    this.ledger.issued = seq;
    return undefined;
  }

  private refusal(written: Written, key: string): HeadraceError {
    switch (written) {
      case TOO_LARGE:
        return new RecordTooLargeError({ key, bytes: this.ring.lacking, limit: maxRecordBytes(this.ring.capacity) });
      case KEY_LONE_SURROGATE:
        return new InvalidKeyError({ key, reason: HAS_LONE_SURROGATE });
      case KEY_NUL_CHARACTER:
        return new InvalidKeyError({ key, reason: HAS_NUL_CHARACTER });
      case LONE_SURROGATE:
        return new InvalidValueError({ key, reason: HAS_LONE_SURROGATE });
      default:
        return new InvalidValueError({ key, reason: HAS_NUL_CHARACTER });
    }
  }

  private publish(): void {
    if (this.ring.publish()) this.lane.wake();
  }

  /** For what was placed last, or for why it was not. */
  private receipt(error: HeadraceError | undefined): Receipt {
    if (error !== undefined) return new RefusedReceipt(this.refuse(error));
    this.publish();
    return new RecordReceipt(this.ledger, this.ledger.issued);
  }

  private group(fill: (place: (error: HeadraceError | undefined) => void) => void): Receipt {
    const from = this.ledger.issued + 1;
    const refusals: CallerRefusal[] = [];
    const place = (error: HeadraceError | undefined): void => {
      if (error !== undefined) refusals.push(this.refuse(error));
    };
    try {
      fill(place);
    } catch (error) {
      place(unreadable('', error));
    }
    this.publish();
    return new GroupReceipt(this.ledger, from, this.ledger.issued, refusals);
  }

  private refuse(error: HeadraceError): CallerRefusal {
    this.host.refused(error, this);
    return this.ledger.refuse(error);
  }
}

function entriesOf<T>(given: Readonly<Record<string, T>>, what: string): [string, T][] {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return Object.entries(given);
  throw new InvalidValueError({ key: '', reason: `is ${nameOf(given)}; give an object of ${what}` });
}

function unreadable(key: string, thrown: unknown): HeadraceError {
  return thrown instanceof HeadraceError
    ? thrown
    : new InvalidValueError({ key, reason: `can't be read: ${thrownText(thrown)}` });
}

function numberOrName(value: unknown): string {
  return typeof value === 'number' ? String(value) : nameOf(value);
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  const type = typeof value;
  // No closer look: Array.isArray throws for a proxy that was revoked.
  if (type === 'object') return 'an object';
  return type === 'undefined' ? 'undefined' : `a ${type}`;
}
