import fs from 'node:fs';
import { JournalWriteError } from '../errors.js';
import { FILE_HEADER_BYTES, frameBytes, writeFileHead, writeFrame } from './frame.js';
import { type Acknowledgement, decode, encode } from './record.js';
import { acknowledgementsPath, type SegmentName } from './segment-name.js';
import { SegmentReader, type Skipped } from './segment-reader.js';
import { syncFolder } from './sync.js';
import { reasonOf } from './system-reason.js';

/**
 * The file is made this large at once, of zeros. A disk that the journal itself has filled must still take the
 * acknowledgements, without which none of its segments may go.
 */
const RESERVE_BYTES = 64 * 1024;

/** Not random: the file is replaced as a whole, and must be read when its header is damaged. */
const SALT = 0;

function nameOf(folder: string): SegmentName {
  return { number: 0, salt: SALT, path: acknowledgementsPath(folder) };
}

/** Each acknowledgement in the order written. What is missing costs only that something is sent again. */
export function readAcknowledgements(
  folder: string,
  onSkip: (skipped: Skipped) => void,
  take: (record: Acknowledgement) => void,
): void {
  const name = nameOf(folder);
  if (!fs.existsSync(name.path)) return;
  // The reserve, and what of it was being written, is neither damage nor worth a word.
  const reader = new SegmentReader(name, (skipped) => skipped.reason === 'torn' || onSkip(skipped));
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
    const { start, end } = frame;
    try {
      const record = decode(frame.head, frame.payload);
      if (record === undefined || record.kind === 'items' || record.kind === 'ended') {
        onSkip({ path: name.path, start, end, reason: 'unknown', detail: `kind ${frame.head.kind}` });
      } else {
        take(record);
      }
    } catch (error) {
      onSkip({ path: name.path, start, end, reason: 'unknown', detail: reasonOf(error) });
    }
  }
  reader.finish();
}

/**
 * What has landed, and which runs there are: kept in a file of its own, as the segments come and go. It is
 * appended to, and made anew from `state` when its reserve runs out.
 */
export class Acknowledgements {
  private readonly folder: string;
  private readonly path: string;
  private readonly state: () => Iterable<Acknowledgement>;
  private added: Buffer[] = [];
  private addedBytes = 0;
  private file: number | undefined;
  private position = 0;
  private reserved: number = RESERVE_BYTES;
  private sequence = 1;
  private isSynced = true;

  /** `state`: all that must be known, `added` included. */
  constructor(folder: string, state: () => Iterable<Acknowledgement>) {
    this.folder = folder;
    this.path = acknowledgementsPath(folder);
    this.state = state;
  }

  get bytes(): number {
    return this.reserved;
  }

  add(record: Acknowledgement): void {
    const frame = this.frame(record);
    this.added.push(frame);
    this.addedBytes += frame.length;
  }

  write(): void {
    if (this.addedBytes === 0) return;
    const end = this.position + this.addedBytes;
    // While a quarter is left: making it anew may fail on a full disk, and then the rest has to do.
    if ((this.file === undefined || end > this.reserved * 0.75) && this.renew(this.file === undefined)) return;
    this.append();
  }

  /** Everything added is on disk when this returns: segments may go. */
  sync(): void {
    this.write();
    if (this.isSynced || this.file === undefined) return;
    const file = this.file;
    this.attempt(() => fs.fdatasyncSync(file));
    this.isSynced = true;
  }

  close(): void {
    if (this.file !== undefined) fs.closeSync(this.file);
    this.file = undefined;
  }

  /** Nothing is left that it would tell of. */
  remove(): void {
    this.close();
    fs.rmSync(this.path, { force: true });
    // Of a process that was killed while it made the file.
    fs.rmSync(this.draft, { force: true });
  }

  private get draft(): string {
    return `${this.path}.new`;
  }

  private append(): void {
    const bytes = Buffer.concat(this.added);
    this.attempt(() => this.put(bytes));
    this.position += bytes.length;
    this.reserved = Math.max(this.reserved, this.position);
    this.isSynced = false;
    this.forgetAdded();
  }

  /** At the same place again after a failure: what was torn is written over. */
  private put(bytes: Buffer): void {
    if (this.file === undefined) throw new Error(`${this.path} is not open`);
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(this.file, bytes, at, bytes.length - at, this.position + at);
  }

  private renew(mustSucceed: boolean): boolean {
    const { draft } = this;
    let file: number | undefined;
    try {
      const frames = [...this.state()].map((record) => this.frame(record));
      const used = frames.reduce((sum, frame) => sum + frame.length, FILE_HEADER_BYTES);
      const bytes = Buffer.alloc(Math.max(1, Math.ceil((2 * used) / RESERVE_BYTES)) * RESERVE_BYTES);
      writeFileHead(bytes, { number: 0, salt: SALT, firstSequence: this.sequence - frames.length });
      let at = FILE_HEADER_BYTES;
      for (const frame of frames) at += frame.copy(bytes, at);
      file = fs.openSync(draft, 'w', 0o600);
      for (let done = 0; done < bytes.length; ) done += fs.writeSync(file, bytes, done);
      fs.fdatasyncSync(file);
      fs.renameSync(draft, this.path);
      syncFolder(this.folder);
      this.close();
      this.file = file;
      this.position = used;
      this.reserved = bytes.length;
      this.isSynced = true;
      this.forgetAdded();
      return true;
    } catch (error) {
      if (file !== undefined) fs.closeSync(file);
      fs.rmSync(draft, { force: true });
      if (mustSucceed) throw new JournalWriteError({ path: this.path, reason: reasonOf(error) }, { cause: error });
      return false;
    }
  }

  private attempt(write: () => void): void {
    try {
      write();
    } catch (error) {
      throw new JournalWriteError({ path: this.path, reason: reasonOf(error) }, { cause: error });
    }
  }

  private forgetAdded(): void {
    this.added = [];
    this.addedBytes = 0;
  }

  private frame(record: Acknowledgement): Buffer {
    const { head, payload } = encode(record);
    const frame = Buffer.allocUnsafe(frameBytes(payload.length));
    writeFrame(frame, 0, head, this.sequence++, SALT, payload);
    return frame;
  }
}
