import fs from 'node:fs';
import { JournalWriteError } from '../errors.js';
import {
  FILE_HEADER_BYTES,
  type FrameHead,
  frameBytes,
  frameLength,
  sequenceAt,
  withSlack,
  writeFileHead,
  writeFrame,
} from './frame.js';
import type { SegmentName } from './segment-name.js';
import { reasonOf } from './system-reason.js';

export type JournalDurability = 'os' | 'fsync';

/** One write is this large at most: about where larger ones gain nothing any more. */
const PIECE_BYTES = 64 * 1024;

/** Memory beyond it is given back when a burst is over. */
const KEPT_BYTES = 1024 * 1024;

/**
 * A segment that is being written. What is appended stays in memory until it is durable, so that whatever fails,
 * a write or a sync, can be done again; the file is written at fixed places, so that doing it again does no harm.
 */
export class SegmentFile {
  readonly name: SegmentName;
  private readonly durability: JournalDurability;
  private file: number | undefined;
  private memory: Buffer = Buffer.allocUnsafe(PIECE_BYTES);
  /** Where in the file the memory belongs. Everything before it is durable. */
  private base = 0;
  private used: number = FILE_HEADER_BYTES;
  /** How much of the memory is in the file: whole frames only. */
  private written = 0;
  private writtenSequence: number;
  private durable: number;

  constructor(name: SegmentName, firstSequence: number, durability: JournalDurability) {
    this.name = name;
    this.durability = durability;
    this.writtenSequence = firstSequence - 1;
    this.durable = this.writtenSequence;
    writeFileHead(this.memory, { number: name.number, salt: name.salt, firstSequence });
  }

  /** Bytes of the file when everything is written. */
  get bytes(): number {
    return this.base + this.used;
  }

  /** Frames up to this sequence survive whatever `durability` promises. */
  get durableSequence(): number {
    return this.durable;
  }

  get unwrittenBytes(): number {
    return this.used - this.written;
  }

  get isCreated(): boolean {
    return this.file !== undefined;
  }

  /** Everything appended is. */
  get isDurable(): boolean {
    return this.used === 0;
  }

  append(head: FrameHead, sequence: number, payload: Buffer): void {
    const bytes = frameBytes(payload.length);
    this.makeRoom(bytes);
    writeFrame(this.memory, this.used, head, sequence, this.name.salt, payload);
    this.used += bytes;
  }

  write(): void {
    if (this.unwrittenBytes === 0) return;
    let at = this.written;
    try {
      this.file ??= fs.openSync(this.name.path, 'wx', 0o600);
      while (at < this.used) {
        const length = Math.min(PIECE_BYTES, this.used - at);
        const bytes = fs.writeSync(this.file, this.memory, at, length, this.base + at);
        if (bytes === 0) throw new Error('the operating system takes no more bytes');
        at += bytes;
      }
    } catch (error) {
      this.keepWhole(at);
      throw new JournalWriteError({ path: this.name.path, reason: reasonOf(error) }, { cause: error });
    }
    this.countWritten(at);
  }

  /** What was written becomes durable by it. With durability 'os' it is already. */
  sync(): void {
    if (this.durability === 'os' || this.written === 0 || this.file === undefined) return;
    try {
      fs.fdatasyncSync(this.file);
    } catch (error) {
      // The system has dropped what it could not put on disk, and the next sync would not say so: all of it is written anew.
      this.written = 0;
      this.writtenSequence = this.durable;
      throw new JournalWriteError({ path: this.name.path, reason: reasonOf(error) }, { cause: error });
    }
    this.settle();
  }

  close(): void {
    if (this.file !== undefined) fs.closeSync(this.file);
    this.file = undefined;
  }

  /** After a failed write: counts what of it is in the file as whole frames, and cuts off the rest. */
  private keepWhole(at: number): void {
    let whole = this.written;
    for (;;) {
      const length = this.lengthAt(whole);
      if (length === undefined || whole + length > at) break;
      whole += length;
    }
    if (this.file !== undefined) {
      try {
        fs.ftruncateSync(this.file, this.base + whole);
      } catch {
        // A torn tail is normal, and the next write begins before it.
      }
    }
    this.countWritten(whole);
  }

  private countWritten(to: number): void {
    for (let at = this.written; at < to; at += this.lengthAt(at) ?? to) {
      if (this.base + at > 0) this.writtenSequence = sequenceAt(this.memory, at);
    }
    this.written = to;
    if (this.durability === 'os') this.settle();
  }

  /** Of the header or frame that stands at `at` in memory; undefined: none does. */
  private lengthAt(at: number): number | undefined {
    if (at >= this.used) return undefined;
    if (this.base + at === 0) return FILE_HEADER_BYTES;
    const length = frameLength(this.memory, at);
    return length === undefined ? undefined : withSlack(length);
  }

  /** What is written is durable, and its memory free. */
  private settle(): void {
    this.durable = this.writtenSequence;
    this.memory.copyWithin(0, this.written, this.used);
    this.base += this.written;
    this.used -= this.written;
    this.written = 0;
    if (this.used === 0 && this.memory.length > KEPT_BYTES) this.memory = Buffer.allocUnsafe(PIECE_BYTES);
  }

  private makeRoom(bytes: number): void {
    if (this.used + bytes <= this.memory.length) return;
    const memory = Buffer.allocUnsafe(Math.max(this.used + bytes, this.memory.length * 2));
    this.memory.copy(memory, 0, 0, this.used);
    this.memory = memory;
  }
}
