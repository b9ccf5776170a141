import { reached } from '../ring/layout.js';
import type { RunEnded, RunOpened } from './record.js';
import { laterSeq } from './seq.js';

/** What a journal knows of one of its runs. */
export class RunState {
  readonly run: number;
  /** Undefined: its declarations are all damaged. */
  opened: RunOpened | undefined = undefined;
  storeId: string | undefined = undefined;
  /** Everything up to it has landed or was refused. */
  landed: number | undefined = undefined;
  ended: RunEnded | undefined = undefined;
  private isFinished = false;

  constructor(run: number) {
    this.run = run;
  }

  /** So has its end. Told by its acknowledgement, which outlives the segment that holds the end. */
  get finished(): boolean {
    return this.isFinished || (this.ended !== undefined && this.hasLanded(this.ended.seq));
  }

  finish(): void {
    this.isFinished = true;
  }

  land(seq: number): void {
    this.landed = laterSeq(this.landed, seq);
  }

  hasLanded(seq: number): boolean {
    return this.isFinished || (this.landed !== undefined && reached(this.landed, seq));
  }
}
