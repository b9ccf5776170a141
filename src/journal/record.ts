import type { Item, RunEnd } from '../store/store.js';
import { type FrameHead, Kind } from './frame.js';
import { packItems, unpackItems } from './items.js';

/**
 * A run, and the number that names it from here on in the journal. Each segment that holds something of a run
 * declares it, so the same one may be met again.
 */
export interface RunOpened {
  readonly kind: 'opened';
  readonly run: number;
  /** Of the run's making. Later seqs of the run follow it, and wrap at 2^32. */
  readonly seq: number;
  /** Our own id. */
  readonly id: string;
  /** JSON text of what the run is made from. The journal does not look into it. */
  readonly request: string;
}

/** A batch. `lastSeq` is the last record that ends in it; one before `firstSeq` when none does. */
export interface RunItems {
  readonly kind: 'items';
  readonly run: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly items: readonly Item[];
}

export interface RunEnded extends Omit<RunEnd, 'runId'> {
  readonly kind: 'ended';
  readonly run: number;
  readonly seq: number;
}

/** The run's id in the store. */
export interface RunStoreId {
  readonly kind: 'storeId';
  readonly run: number;
  readonly storeId: string;
}

/** Everything of the run up to `seq` has landed, or was refused for good. */
export interface RunLanded {
  readonly kind: 'landed';
  readonly run: number;
  readonly seq: number;
}

/** So has its end: nothing of the run has to be sent again. */
export interface RunFinished {
  readonly kind: 'finished';
  readonly run: number;
}

/** What segments hold. */
export type JournalRecord = RunOpened | RunItems | RunEnded;

/** What the file of acknowledgements holds. */
export type Acknowledgement = RunOpened | RunStoreId | RunLanded | RunFinished;

export interface Encoded {
  readonly head: FrameHead;
  /** Good until the next record is encoded. */
  readonly payload: Buffer;
}

const NOTHING = Buffer.alloc(0);

export function encode(record: JournalRecord | Acknowledgement): Encoded {
  const { run } = record;
  switch (record.kind) {
    case 'opened':
      return one(Kind.Opened, run, record.seq, text([record.id, record.request]));
    case 'items': {
      const { firstSeq, lastSeq, items } = record;
      return { head: { kind: Kind.Items, run, firstSeq, lastSeq }, payload: packItems(items) };
    }
    case 'ended':
      return one(Kind.Ended, run, record.seq, text([record.status, record.endTime]));
    case 'storeId':
      return one(Kind.StoreId, run, 0, text([record.storeId]));
    case 'landed':
      return one(Kind.Landed, run, record.seq, NOTHING);
    case 'finished':
      return one(Kind.Finished, run, 0, NOTHING);
  }
}

/** Undefined: a kind that this version doesn't know. Throws when the payload is none of the kind. */
export function decode(head: FrameHead, payload: Buffer): JournalRecord | Acknowledgement | undefined {
  const { kind, run, firstSeq, lastSeq } = head;
  switch (kind) {
    case Kind.Opened: {
      const [id, request] = fields<[string, string]>(payload);
      return { kind: 'opened', run, seq: lastSeq, id, request };
    }
    case Kind.Items:
      return { kind: 'items', run, firstSeq, lastSeq, items: unpackItems(payload) };
    case Kind.Ended: {
      const [status, endTime] = fields<[RunEnd['status'], number]>(payload);
      return { kind: 'ended', run, seq: lastSeq, status, endTime };
    }
    case Kind.StoreId:
      return { kind: 'storeId', run, storeId: fields<[string]>(payload)[0] };
    case Kind.Landed:
      return { kind: 'landed', run, seq: lastSeq };
    case Kind.Finished:
      return { kind: 'finished', run };
    default:
      return undefined;
  }
}

function one(kind: Kind, run: number, seq: number, payload: Buffer): Encoded {
  return { head: { kind, run, firstSeq: seq, lastSeq: seq }, payload };
}

/** JSON keeps a lone surrogate, which UTF-8 alone would not. */
function text(value: readonly unknown[]): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function fields<T>(payload: Buffer): T {
  // What `text` made: the frame's checksum held.
  return JSON.parse(payload.toString()) as T;
}
