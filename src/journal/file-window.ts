import { readSync } from 'node:fs';

/** A part of a file in memory, which moves along with whoever reads it. */
export class FileWindow {
  private readonly file: number;
  private readonly chunkBytes: number;
  private memory: Buffer;
  /** Where in the file the memory begins, and how much of it is filled. */
  private start = 0;
  private filled = 0;

  constructor(file: number, chunkBytes: number) {
    this.file = file;
    this.chunkBytes = chunkBytes;
    this.memory = Buffer.allocUnsafeSlow(chunkBytes);
  }

  /** The file's bytes from `offset` on: at least `wanted`, or all that there are. Good until the next call. */
  from(offset: number, wanted: number): Buffer {
    const end = this.start + this.filled;
    if (offset < this.start || offset + wanted > end) this.move(offset, wanted);
    return this.memory.subarray(offset - this.start, this.filled);
  }

  private move(offset: number, wanted: number): void {
    const end = this.start + this.filled;
    const kept = offset >= this.start && offset < end ? this.memory.subarray(offset - this.start, this.filled) : undefined;
    const target = this.sized(wanted);
    this.filled = kept === undefined ? 0 : kept.copy(target);
    this.memory = target;
    this.start = offset;
    // A short read is no end: only none is.
    while (this.filled < wanted) {
      const room = this.memory.length - this.filled;
      const bytes = readSync(this.file, this.memory, this.filled, room, this.start + this.filled);
      if (bytes === 0) return;
      this.filled += bytes;
    }
  }

  /** Grows for a large frame, and goes back after it. */
  private sized(wanted: number): Buffer {
    const bytes = Math.max(wanted, this.chunkBytes);
    return bytes === this.memory.length ? this.memory : Buffer.allocUnsafeSlow(bytes);
  }
}
