import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import { JournalFullError, JournalRecordTooLargeError, JournalWriteError } from '../errors.js';
import { Acknowledgements } from './acknowledgements.js';
import { FILE_HEADER_BYTES, frameBytes, MAX_PAYLOAD_BYTES, MAX_RUN } from './frame.js';
import type { Place } from './reader.js';
import { type Acknowledgement, type Encoded, encode, type JournalRecord } from './record.js';
import { type Recovered, recover } from './recovery.js';
import { RunState } from './run-state.js';
import { type JournalDurability, SegmentFile } from './segment-file.js';
import { MAX_SEGMENT, segmentName } from './segment-name.js';
import { laterSeq, neededSeq } from './seq.js';
import { syncFile, syncFolder } from './sync.js';
import { reasonOf } from './system-reason.js';

export interface JournalOptions {
  readonly folder: string;
  readonly durability: JournalDurability;
  /** A segment is closed before it would grow beyond this. A larger frame gets one of its own. */
  readonly segmentBytes?: number | undefined;
  /** What all files together may take. The ends of runs always fit. */
  readonly limitBytes?: number | undefined;
}

const SEGMENT_BYTES: number = 16 * 2 ** 20;

interface Segment {
  readonly number: number;
  readonly path: string;
  /** Of each run that has frames in it, the seq that must have landed before it can go. */
  readonly needed: Map<number, number>;
  /** Runs that a frame of it declares. */
  readonly declared: Set<number>;
  /** Undefined: it is only waiting to go. */
  file: SegmentFile | undefined;
  bytes: number;
}

/**
 * The writing end of a journal. Synchronous, for a worker thread. The folder must have no other writer: see
 * `OwnerLock`. What a dead process left in it is found when the writer is made, and goes as it is told to have landed.
 */
export class JournalWriter {
  readonly folder: string;
  readonly recovered: Recovered;
  private readonly durability: JournalDurability;
  private readonly segmentBytes: number;
  private readonly limitBytes: number;
  private readonly acknowledgements: Acknowledgements;
  private readonly runs = new Map<number, RunState>();
  private readonly unsaid = new Set<RunState>();
  /** By number. Those with a file come last, and the last of all is written to. */
  private segments: Segment[];
  private current: Segment | undefined;
  private nextRun: number;
  private nextSegment: number;
  private nextSequence: number;
  private durableTo: number;
  private folderIsSynced = true;

  /** Throws JournalWriteError when the folder can't be made or read. */
  constructor({ folder, durability, limitBytes = Number.POSITIVE_INFINITY, ...options }: JournalOptions) {
    this.folder = folder;
    this.durability = durability;
    // What has landed is given back by whole segments.
    this.segmentBytes = options.segmentBytes ?? Math.min(SEGMENT_BYTES, limitBytes / 4);
    this.limitBytes = limitBytes;
    try {
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      this.recovered = recover(folder);
      // Its writer may have died between writing and syncing, and what is recovered counts as durable.
      if (durability === 'fsync') for (const { path } of this.recovered.segments) syncFile(path);
    } catch (error) {
      throw new JournalWriteError({ path: folder, reason: reasonOf(error) }, { cause: error });
    }
    this.acknowledgements = new Acknowledgements(folder, () => this.acknowledged());
    const { runs, segments, nextRun, nextSegment, nextSequence } = this.recovered;
    const inUse = new Set(segments.flatMap(({ needed }) => [...needed.keys()]));
    for (const [run, { state }] of runs) if (inUse.has(run) || !state.finished) this.runs.set(run, state);
    this.segments = segments.map(({ number, path, bytes, needed }) => ({
      number,
      path,
      bytes,
      needed: new Map(needed),
      declared: new Set<number>(),
      file: undefined,
    }));
    this.nextRun = nextRun;
    this.nextSegment = nextSegment;
    this.nextSequence = nextSequence;
    this.durableTo = nextSequence - 1;
  }

  /** Every frame up to this sequence is as safe as `durability` promises, or has landed. */
  get durable(): number {
    return this.durableTo;
  }

  /** Where the next record will be. */
  get place(): Place {
    const { current } = this;
    return {
      segment: current?.number ?? this.nextSegment,
      offset: current?.file?.bytes ?? FILE_HEADER_BYTES,
      sequence: this.nextSequence,
    };
  }

  /** What has been appended and could not be written yet. It is in memory. */
  get unwrittenBytes(): number {
    return this.segments.reduce((sum, { file }) => sum + (file?.unwrittenBytes ?? 0), 0);
  }

  /** What all files of the journal take when everything is written. */
  get bytes(): number {
    return this.segments.reduce((sum, { file, bytes }) => sum + (file?.bytes ?? bytes), this.acknowledgements.bytes);
  }

  /** A number that names no run of this journal. */
  newRun(): number {
    if (this.nextRun > MAX_RUN) throw new Error(`journal ${this.folder} has had ${MAX_RUN} runs`);
    return this.nextRun++;
  }

  /**
   * Takes a record into memory; `write` puts it out. Throws JournalFullError or JournalRecordTooLargeError, and then
   * has taken nothing of it.
   */
  append(record: JournalRecord): Place {
    const { kind, run } = record;
    if (kind === 'opened' && this.runs.has(run)) throw new Error(`run ${run} of journal ${this.folder} is open already`);
    const opened = kind === 'opened' ? record : this.known(run).opened;
    if (opened === undefined) throw new Error(`what run ${run} of journal ${this.folder} is, was lost`);
    const encoded = encode(record);
    const bytes = frameBytes(encoded.payload.length);
    if (encoded.payload.length > MAX_PAYLOAD_BYTES) throw new JournalRecordTooLargeError({ bytes, limit: MAX_PAYLOAD_BYTES });
    let segment = this.current;
    if (!this.takes(segment, bytes) || !segment.declared.has(run)) {
      const declaration = kind === 'opened' ? undefined : encode(opened);
      const more = FILE_HEADER_BYTES + (declaration === undefined ? 0 : frameBytes(declaration.payload.length));
      if (kind !== 'ended') this.checkRoom(bytes + more);
      if (!this.takes(segment, bytes + more)) segment = this.newSegment();
      if (declaration !== undefined && !segment.declared.has(run)) this.put(segment, declaration);
      segment.declared.add(run);
    } else if (kind !== 'ended') {
      this.checkRoom(bytes);
    }
    const { place } = this;
    this.put(segment, encoded);
    if (kind === 'opened') {
      const state = new RunState(run);
      state.opened = record;
      this.runs.set(run, state);
      this.nextRun = Math.max(this.nextRun, run + 1);
      this.acknowledgements.add(record);
    } else if (kind === 'ended') {
      this.known(run).ended = record;
    }
    return place;
  }

  /** Tells anew what an open run is made from. The last telling counts. */
  describe(run: number, request: string): void {
    const state = this.known(run);
    if (state.opened === undefined) return;
    const opened = { ...state.opened, request };
    const { current } = this;
    // Another segment declares it by what is known then.
    if (current?.file !== undefined && current.declared.has(run)) this.put(current, encode(opened));
    state.opened = opened;
    this.acknowledgements.add(opened);
  }

  /** The run's id in the store, so that a replay need not look for it. */
  storeId(run: number, storeId: string): void {
    const state = this.known(run);
    state.storeId = storeId;
    this.acknowledgements.add({ kind: 'storeId', run, storeId });
  }

  /** Everything of the run up to `seq` has landed, or was refused for good. */
  landed(run: number, seq: number): void {
    const state = this.runs.get(run);
    // Told twice: it was finished, and everything of it is gone.
    if (state === undefined && run < this.nextRun) return;
    const known = state ?? this.known(run);
    known.land(seq);
    this.unsaid.add(known);
  }

  /** Nothing of the run is to be sent again, though its end is not in the journal. */
  finished(run: number): void {
    const state = this.runs.get(run);
    if (state === undefined) return;
    state.finish();
    this.unsaid.add(state);
  }

  /**
   * Puts out what was appended. Throws JournalWriteError; then the file ends with a whole frame, as far as the
   * system allows, nothing appended is lost, and the next call tries again.
   */
  write(): void {
    try {
      // First, so that its reserve is there when the records fill the disk.
      this.acknowledgements.write();
    } catch (error) {
      // The records are safe without it. It is tried again, and before a segment goes it must succeed.
      if (!(error instanceof JournalWriteError)) throw error;
    }
    for (const { file } of this.segments) {
      if (file === undefined || file.unwrittenBytes === 0) continue;
      if (!file.isCreated) this.folderIsSynced = false;
      try {
        file.write();
      } finally {
        this.countDurable();
      }
    }
    this.closeDurable();
  }

  /** One fdatasync for everything written since the last one. With durability 'os' there is nothing to do. */
  sync(): void {
    if (this.durability === 'fsync' && !this.folderIsSynced) {
      try {
        syncFolder(this.folder);
      } catch (error) {
        throw new JournalWriteError({ path: this.folder, reason: reasonOf(error) }, { cause: error });
      }
      this.folderIsSynced = true;
    }
    for (const { file } of this.segments) file?.sync();
    this.countDurable();
    this.closeDurable();
  }

  /**
   * Deletes segments of which everything has landed, and returns how many bytes that gave back. What has landed is
   * on disk before: a run whose end went with its segment would otherwise look like one that has none. `isFull`: there
   * is no room for a record.
   */
  collect(isFull = false): number {
    // The segment in use goes when it is half full, or when it can't be written: its frames need not be any more.
    return this.collectSegments((segment) => {
      if (isFull || segment !== this.current) return true;
      return segment.file === undefined || segment.file.unwrittenBytes > 0 || segment.file.bytes * 2 > this.segmentBytes;
    });
  }

  /** Writes down what has landed. Losing it costs only that it is sent again, so nothing is synced. */
  acknowledge(): void {
    this.say();
    this.acknowledgements.write();
  }

  /** Writes and syncs what there is, and leaves an empty folder if everything has landed. */
  close(): void {
    try {
      try {
        this.collectSegments(() => true);
      } catch (error) {
        // What could not go stays, and is written below.
        if (!(error instanceof JournalWriteError)) throw error;
      }
      this.write();
      this.sync();
      this.say();
      this.acknowledgements.sync();
      if (this.segments.length === 0 && [...this.runs.values()].every(({ finished }) => finished)) this.acknowledgements.remove();
    } finally {
      for (const { file } of this.segments) file?.close();
      this.acknowledgements.close();
    }
  }

  private known(run: number): RunState {
    const state = this.runs.get(run);
    if (state === undefined) throw new Error(`run ${run} of journal ${this.folder} is not open`);
    return state;
  }

  private checkRoom(neededBytes: number): void {
    if (this.bytes + neededBytes > this.limitBytes) {
      throw new JournalFullError({ folder: this.folder, limitBytes: this.limitBytes, neededBytes });
    }
  }

  /** One without a frame takes anything. */
  private takes(segment: Segment | undefined, bytes: number): segment is Segment {
    if (segment?.file === undefined) return false;
    return segment.needed.size === 0 || segment.file.bytes + bytes <= this.segmentBytes;
  }

  private newSegment(): Segment {
    if (this.nextSegment > MAX_SEGMENT) throw new Error(`journal ${this.folder} has had ${MAX_SEGMENT} segments`);
    const name = segmentName(this.folder, this.nextSegment++, randomInt(2 ** 32));
    const file = new SegmentFile(name, this.nextSequence, this.durability);
    this.current = { number: name.number, path: name.path, needed: new Map(), declared: new Set(), file, bytes: 0 };
    this.segments.push(this.current);
    return this.current;
  }

  private put({ file, needed }: Segment, { head, payload }: Encoded): void {
    file?.append(head, this.nextSequence++, payload);
    needed.set(head.run, laterSeq(needed.get(head.run), neededSeq(head)));
  }

  /** Frames are durable up to the first that is not. */
  private countDurable(): void {
    const behind = this.segments.find(({ file }) => file !== undefined && !file.isDurable)?.file;
    this.durableTo = Math.max(this.durableTo, behind?.durableSequence ?? this.nextSequence - 1);
  }

  private closeDurable(): void {
    for (const segment of this.segments) {
      if (segment === this.current || segment.file === undefined || !segment.file.isDurable) continue;
      segment.bytes = segment.file.bytes;
      segment.file.close();
      segment.file = undefined;
    }
  }

  private collectSegments(mayGo: (segment: Segment) => boolean): number {
    const going = this.segments.filter((segment) => this.hasLanded(segment) && mayGo(segment));
    if (going.length === 0) return 0;
    this.say();
    this.acknowledgements.sync();
    let freed = 0;
    for (const segment of going) {
      segment.file?.close();
      if (!remove(segment.path)) continue;
      freed += segment.file?.bytes ?? segment.bytes;
      if (segment === this.current) this.current = undefined;
      this.segments.splice(this.segments.indexOf(segment), 1);
    }
    this.countDurable();
    this.forgetFinished(going);
    return freed;
  }

  private hasLanded({ needed }: Segment): boolean {
    for (const [run, seq] of needed) {
      if (this.runs.get(run)?.hasLanded(seq) === false) return false;
    }
    return true;
  }

  /** Runs with nothing left anywhere. A tracker may make a million. */
  private forgetFinished(gone: readonly Segment[]): void {
    for (const { needed } of gone) {
      for (const run of needed.keys()) {
        const isLeft = this.segments.some((segment) => segment.needed.has(run));
        if (!isLeft && this.runs.get(run)?.finished === true) this.runs.delete(run);
      }
    }
  }

  private say(): void {
    for (const { run, landed, finished } of this.unsaid) {
      if (finished) this.acknowledgements.add({ kind: 'finished', run });
      else if (landed !== undefined) this.acknowledgements.add({ kind: 'landed', run, seq: landed });
    }
    this.unsaid.clear();
  }

  /** Everything that the acknowledgements must tell, in few records. */
  private *acknowledged(): Iterable<Acknowledgement> {
    for (const { run, opened, storeId, landed, finished } of this.runs.values()) {
      if (finished) {
        yield { kind: 'finished', run };
        continue;
      }
      if (opened !== undefined) yield opened;
      if (storeId !== undefined) yield { kind: 'storeId', run, storeId };
      if (landed !== undefined) yield { kind: 'landed', run, seq: landed };
    }
  }
}

/** False: it can't go now. Where open files can't be deleted, a reader may have it. */
function remove(path: string): boolean {
  try {
    fs.rmSync(path, { force: true });
    return true;
  } catch {
    return false;
  }
}
