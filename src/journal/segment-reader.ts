import { closeSync, fstatSync, openSync } from 'node:fs';
import { FileWindow } from './file-window.js';
import {
  FILE_HEADER_BYTES,
  FORMAT_VERSION,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  type FrameHead,
  frameLength,
  headAt,
  isWhole,
  readFileHead,
  sequenceAt,
  withSlack,
} from './frame.js';
import type { SegmentName } from './segment-name.js';
import { reasonOf } from './system-reason.js';

/**
 * Why bytes were left out.
 *
 * torn        after the last whole frame: a write that its process, or the power, did not live to finish
 * damaged     no whole frame, with whole ones behind it
 * repeated    a whole frame that stands elsewhere in the file too
 * unknown     a whole frame of a kind, or with a payload, that this version doesn't know
 * empty       a file of no bytes
 * truncated   a file that ends within its header
 * version     a file of another version of the format
 * foreign     a file that isn't ours, or not the one that its name says
 * unreadable  the operating system does not give it
 */
export type SkipReason =
  | 'torn'
  | 'damaged'
  | 'repeated'
  | 'unknown'
  | 'empty'
  | 'truncated'
  | 'version'
  | 'foreign'
  | 'unreadable';

/** Bytes `start` to `end` (not included) of a file, of which nothing was taken. */
export interface Skipped {
  readonly path: string;
  readonly start: number;
  readonly end: number;
  readonly reason: SkipReason;
  /** More about it, where there is more: which version, what the operating system says. */
  readonly detail?: string | undefined;
}

export interface Frame {
  readonly head: FrameHead;
  readonly sequence: number;
  /** Good until the next frame is read. */
  readonly payload: Buffer;
  /** Where it stands in the file, slack not included. */
  readonly start: number;
  readonly end: number;
}

/** Where reading goes on: frames from `sequence` on, looked for from byte `offset` on. */
export interface ReadFrom {
  readonly offset: number;
  readonly sequence: number;
}

interface Spot {
  readonly start: number;
  readonly end: number;
  readonly sequence: number;
}

/** Reads are this large. */
const CHUNK_BYTES = 64 * 1024;

/**
 * The whole frames of one file, in the order written, each once. As long as each frame follows the last it reads on;
 * at the first that does not it looks through all of the rest for frames and sorts them, so that sectors which
 * changed places, or bytes that were put in, cost no frame that is whole.
 */
export class SegmentReader {
  private readonly name: SegmentName;
  private readonly onSkip: (skipped: Skipped) => void;
  private readonly chunkBytes: number;
  /** Undefined before the first read, and when the file has been left alone or closed. */
  private window: FileWindow | undefined;
  private file: number | undefined;
  private state: 'new' | 'open' | 'closed' = 'new';
  /** Frames of a lower sequence have been handed out by an earlier reader. */
  private readonly wanted: number;
  private readonly begin: number;
  /** Where the next frame should be, and where the one before it ends without its slack. */
  private position = 0;
  private dataEnd = 0;
  /** The sequence that the next frame should have; undefined: any, as the header is damaged. */
  private expected: number | undefined;
  /** What a look through the rest has found and not handed out, by sequence. */
  private sorted: Spot[] = [];
  private handedOut = 0;
  private sortedFrom = 0;
  private isOurs = false;

  constructor(
    name: SegmentName,
    onSkip: (skipped: Skipped) => void,
    { from, chunkBytes = CHUNK_BYTES }: { from?: ReadFrom | undefined; chunkBytes?: number | undefined } = {},
  ) {
    this.name = name;
    this.onSkip = onSkip;
    this.chunkBytes = chunkBytes;
    this.wanted = from?.sequence ?? 0;
    this.begin = from?.offset ?? 0;
  }

  /** Where another reader would go on. */
  get place(): ReadFrom {
    const next = this.sorted[this.handedOut];
    if (next !== undefined) return { offset: this.sortedFrom, sequence: next.sequence };
    if (this.state === 'new') return { offset: this.begin, sequence: this.wanted };
    return { offset: this.position, sequence: this.expected ?? 0 };
  }

  /** Undefined: there is no more, for now. A file that is being written may have more later. */
  next(): Frame | undefined {
    if (this.state === 'closed') return undefined;
    try {
      if (this.state === 'new') this.open();
      for (;;) {
        // It has left the file alone meanwhile.
        if (this.window === undefined) return undefined;
        const frame = this.sorted.length > 0 ? this.nextSorted() : this.nextInOrder();
        if (frame !== undefined) return frame;
        if (this.sorted.length === 0 && !this.lookThroughRest()) return undefined;
      }
    } catch (error) {
      this.leaveAlone(this.position, 'unreadable', reasonOf(error));
      return undefined;
    }
  }

  /** Says what is behind the last whole frame, and closes the file. */
  finish(): void {
    if (this.file !== undefined && this.state === 'open') {
      const size = fstatSync(this.file).size;
      if (this.isOurs) {
        if (size > this.position) this.skip(this.position, size, 'torn');
      } else {
        const reason = size === 0 ? 'empty' : size < FILE_HEADER_BYTES ? 'truncated' : 'foreign';
        this.skip(0, size, reason);
      }
    }
    this.close();
  }

  close(): void {
    this.state = 'closed';
    this.window = undefined;
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  private open(): void {
    this.file = openSync(this.name.path, 'r');
    this.state = 'open';
    this.window = new FileWindow(this.file, this.chunkBytes);
    const header = readFileHead(this.window.from(0, FILE_HEADER_BYTES));
    // Frames are looked for all the same: the salt is in the name too.
    if (header === undefined) return;
    if (header.version !== FORMAT_VERSION) {
      this.leaveAlone(0, 'version', `version ${header.version}`);
    } else if (header.number !== this.name.number || header.salt !== this.name.salt) {
      this.leaveAlone(0, 'foreign', `by its header it is segment ${header.number}`);
    } else {
      this.isOurs = true;
      this.position = Math.max(FILE_HEADER_BYTES, this.begin);
      this.dataEnd = this.position;
      this.expected = Math.max(header.firstSequence, this.wanted);
    }
  }

  private nextInOrder(): Frame | undefined {
    const frame = this.frameAt(this.position);
    if (frame === undefined || frame.sequence !== this.expected) return undefined;
    this.position = frame.start + withSlack(frame.end - frame.start);
    this.dataEnd = frame.end;
    this.expected = frame.sequence + 1;
    return frame;
  }

  private nextSorted(): Frame | undefined {
    for (let spot = this.sorted[this.handedOut]; spot !== undefined; spot = this.sorted[this.handedOut]) {
      this.handedOut++;
      const frame = this.frameAt(spot.start);
      if (frame?.sequence === spot.sequence) return frame;
      // Somebody changes the file while it is read.
      this.skip(spot.start, spot.end, 'damaged');
    }
    this.sorted = [];
    this.handedOut = 0;
    return this.nextInOrder();
  }

  /** False: no whole frame is left. */
  private lookThroughRest(): boolean {
    const spots: Spot[] = [];
    const from = this.dataEnd;
    let known = this.position;
    // From the end of the data and not of its slack: that may have been cut out.
    for (let at = this.findMagic(from); at !== undefined; ) {
      const frame = this.frameAt(at);
      if (frame === undefined) {
        at = this.findMagic(at + 1);
        continue;
      }
      if (at > known) this.skip(known, at, 'damaged');
      spots.push({ start: at, end: frame.end, sequence: frame.sequence });
      known = at + withSlack(frame.end - at);
      at = this.findMagic(frame.end);
    }
    const last = spots[spots.length - 1];
    if (last === undefined) return false;
    this.isOurs = true;
    this.position = known;
    this.dataEnd = last.end;
    this.sortedFrom = from;
    this.sort(spots);
    return true;
  }

  private sort(spots: Spot[]): void {
    spots.sort((a, b) => a.sequence - b.sequence);
    let next = this.expected ?? this.wanted;
    for (const spot of spots) {
      if (spot.sequence >= next) {
        this.sorted.push(spot);
        next = spot.sequence + 1;
      } else if (spot.sequence >= this.wanted) {
        this.skip(spot.start, spot.end, 'repeated');
      }
    }
    this.expected = next;
  }

  private frameAt(at: number): Frame | undefined {
    const header = this.bytes(at, FRAME_HEADER_BYTES);
    const length = header.length < FRAME_HEADER_BYTES ? undefined : frameLength(header, 0);
    if (length === undefined) return undefined;
    const bytes = this.bytes(at, length);
    if (bytes.length < length || !isWhole(bytes, 0, length, this.name.salt)) return undefined;
    return {
      head: headAt(bytes, 0),
      sequence: sequenceAt(bytes, 0),
      payload: bytes.subarray(FRAME_HEADER_BYTES, length),
      start: at,
      end: at + length,
    };
  }

  private findMagic(from: number): number | undefined {
    let at = from;
    for (;;) {
      const bytes = this.bytes(at, FRAME_HEADER_BYTES);
      if (bytes.length < FRAME_HEADER_BYTES) return undefined;
      const found = bytes.indexOf(FRAME_MAGIC);
      if (found >= 0) return at + found;
      // The last bytes may be the first of it.
      at += bytes.length - FRAME_MAGIC.length + 1;
    }
  }

  private bytes(at: number, wanted: number): Buffer {
    if (this.window === undefined) throw new Error(`${this.name.path} is read after its end`);
    return this.window.from(at, wanted);
  }

  private skip(start: number, end: number, reason: SkipReason): void {
    this.onSkip({ path: this.name.path, start, end, reason });
  }

  private leaveAlone(start: number, reason: SkipReason, detail: string): void {
    const end = this.file === undefined ? start : Math.max(start, fstatSync(this.file).size);
    this.onSkip({ path: this.name.path, start, end, reason, detail });
    this.close();
  }
}
