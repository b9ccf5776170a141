import type { FrameHead } from './frame.js';
import { type Acknowledgement, decode, type JournalRecord } from './record.js';
import { listSegments, type SegmentName } from './segment-name.js';
import { type Frame, SegmentReader, type Skipped } from './segment-reader.js';

/** Where a frame is, or where the next one will be. Frames are numbered through all segments. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly sequence: number;
}

export interface JournalRead {
  readonly record: JournalRecord;
  readonly place: Place;
}

export interface ReaderOptions {
  /** Default: from the first segment on. A segment that is gone by now is passed over. */
  readonly from?: Place | undefined;
  /** False: the frame is passed over, and its payload not looked at. */
  readonly wants?: ((head: FrameHead, sequence: number) => boolean) | undefined;
  readonly onSkip?: ((skipped: Skipped) => void) | undefined;
  readonly chunkBytes?: number | undefined;
}

/**
 * Records of a journal's folder in the order appended. It changes nothing there, takes one chunk or one frame into
 * memory, and may read behind a writer. What it can't use it passes over, and tells `onSkip`.
 */
export class JournalReader {
  private readonly folder: string;
  private readonly wants: (head: FrameHead, sequence: number) => boolean;
  private readonly onSkip: (skipped: Skipped) => void;
  private readonly chunkBytes: number | undefined;
  private from: Place | undefined;
  private segment: SegmentName | undefined;
  private reader: SegmentReader | undefined;
  private readonly foreign = new Set<string>();

  constructor(folder: string, { from, wants = () => true, onSkip = () => {}, chunkBytes }: ReaderOptions = {}) {
    this.folder = folder;
    this.from = from;
    this.wants = wants;
    this.onSkip = onSkip;
    this.chunkBytes = chunkBytes;
  }

  /** Where another reader would go on. */
  get place(): Place {
    if (this.segment === undefined || this.reader === undefined) return this.from ?? { segment: 0, offset: 0, sequence: 0 };
    return { segment: this.segment.number, ...this.reader.place };
  }

  /** Undefined: there is no more, for now. */
  next(): JournalRead | undefined {
    for (;;) {
      const frame = this.reader?.next();
      if (frame === undefined) {
        if (!this.nextSegment()) return undefined;
      } else if (this.wants(frame.head, frame.sequence)) {
        const record = this.recordOf(frame);
        if (record !== undefined) {
          const segment = this.segment?.number ?? 0;
          return { record, place: { segment, offset: frame.start, sequence: frame.sequence } };
        }
      }
    }
  }

  /** For a journal that nobody writes any more: says what is behind the last whole frame. */
  finish(): void {
    this.reader?.finish();
  }

  close(): void {
    this.reader?.close();
  }

  private nextSegment(): boolean {
    const { segments, foreign } = listSegments(this.folder);
    for (const path of foreign) {
      if (!this.foreign.has(path)) this.onSkip({ path, start: 0, end: 0, reason: 'foreign' });
      this.foreign.add(path);
    }
    const next = segments.find((one) => this.isNext(one));
    if (next === undefined) return false;
    this.reader?.finish();
    const from = this.from?.segment === next.number ? this.from : undefined;
    this.segment = next;
    this.reader = new SegmentReader(next, this.onSkip, { from, chunkBytes: this.chunkBytes });
    return true;
  }

  private isNext({ number, path }: SegmentName): boolean {
    if (this.segment === undefined) return number >= (this.from?.segment ?? 0);
    return number > this.segment.number || (number === this.segment.number && path > this.segment.path);
  }

  private recordOf(frame: Frame): JournalRecord | undefined {
    try {
      const record = decode(frame.head, frame.payload);
      if (record !== undefined && isOfSegment(record)) return record;
      this.pass(frame, `kind ${frame.head.kind}`);
    } catch (error) {
      this.pass(frame, error instanceof Error ? error.message : String(error));
    }
    return undefined;
  }

  private pass({ start, end }: Frame, detail: string): void {
    this.onSkip({ path: this.segment?.path ?? this.folder, start, end, reason: 'unknown', detail });
  }
}

function isOfSegment(record: JournalRecord | Acknowledgement): record is JournalRecord {
  return record.kind === 'opened' || record.kind === 'items' || record.kind === 'ended';
}
