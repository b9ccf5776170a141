/** What the caller's thread hands to a lane's worker at its start, and what it can ask of it afterwards. */
import { randomUUID } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';
import { journalHome, newJournalFolder } from '../journal/home.js';
import type { BatchLimits, RetryPolicy, Settings } from '../options.js';
import { newKeyTable } from '../ring/key-table.js';
import { newRing } from '../ring/layout.js';
import type { RunSlot } from '../ring/record.js';
import type { NewRun, RunStatus } from '../store/store.js';
import type { StoreLocation } from '../store/uri.js';
import { newRunTable } from './run-table.js';
import { newSignals } from './signals.js';
import { VERDICT_RING_BYTES } from './verdict-record.js';

/** Everything that a thread which logs shares with the worker. It outlives a worker: the next one goes on with it. */
export interface InletMemory {
  readonly ring: SharedArrayBuffer;
  readonly verdicts: SharedArrayBuffer;
  readonly keys: SharedArrayBuffer;
  readonly runs: SharedArrayBuffer;
  readonly signals: SharedArrayBuffer;
  /** Milliseconds since 1970 that stamps and pulses count from. */
  readonly epoch: number;
}

/** Of the thread that has the tracker. Its signals are also where the others find the clock and how the worker does. */
export interface LaneMemory extends InletMemory {
  /** Name of the BroadcastChannel on which other threads announce themselves. */
  readonly door: string;
}

/** Who has one of the rings that are used again: it is given back once, though both its thread and the one with the tracker may do it. */
export interface Claim {
  readonly index: number;
  /** Unlike that of whoever had it before. */
  readonly token: number;
}

/** What another thread announces. */
export interface Knock {
  readonly memory: InletMemory;
  /** Name of the BroadcastChannel on which it is told of settlements; unlike any other's. */
  readonly bell: string;
  /** Which of the lane's spare rings it has; undefined: its ring is its own. */
  readonly claim: Claim | undefined;
}

export function newInletMemory(ring: SharedArrayBuffer, epoch: number): InletMemory {
  return {
    ring,
    verdicts: newRing(VERDICT_RING_BYTES),
    keys: newKeyTable(),
    runs: newRunTable(),
    signals: newSignals(),
    epoch,
  };
}

export function newLaneMemory(ringBytes: number): LaneMemory {
  // One behind, as a stamp of 0 means that there is none.
  return { ...newInletMemory(newRing(ringBytes), Date.now() - 1), door: randomUUID() };
}

/** A lane's journal. */
export interface LaneJournalSettings {
  /** Where all journals of this store are. */
  readonly home: string;
  /** This lane's, in `home`. Made when the first record has to go there. */
  readonly folder: string;
  /** Who owns it: a worker that takes over from a dead one is the same holder. */
  readonly holder: string;
  readonly limitBytes: number;
  readonly durability: 'os' | 'fsync';
  /** True: every record goes there before the store gets it. False: only while the store takes nothing. */
  readonly ahead: boolean;
  /** Looks in `home` for what dead processes have left, and sends it. */
  readonly sendsLeftovers: boolean;
}

/** The part of the settings that the worker needs. */
export interface LaneSettings {
  readonly location: StoreLocation;
  readonly cwd: string;
  readonly batch: BatchLimits;
  readonly retry: RetryPolicy;
  readonly durability: Settings['durability'];
  /** Undefined: there is none. */
  readonly journal: LaneJournalSettings | undefined;
  /** What is in the journal has landed. */
  readonly offline: boolean;
  readonly separator: Settings['separator'];
  readonly valueFormat: Settings['valueFormat'];
  readonly onLongValue: Settings['onLongValue'];
}

/** `lane`: its number, from 0. */
export function laneSettings(settings: Settings, lane: number): LaneSettings {
  const { location, cwd, batch, retry, durability, offline, separator, valueFormat, onLongValue } = settings;
  const journal = journalSettings(settings, lane);
  return { location, cwd, batch, retry, durability, journal, offline, separator, valueFormat, onLongValue };
}

function journalSettings({ location, journal, durability, offline }: Settings, lane: number): LaneJournalSettings | undefined {
  if (durability === 'memory') return undefined;
  const home = journalHome(journal.dir, location);
  return {
    home,
    folder: newJournalFolder(home),
    holder: `lane ${lane}`,
    limitBytes: journal.maxBytes,
    durability,
    ahead: offline || location.kind !== 'sqlite',
    sendsLeftovers: !offline && lane === 0,
  };
}

/** Text of a Run record: the run, and what its default tags are made from. */
export interface RunRequest extends Omit<NewRun, 'mayExist'> {
  readonly scriptPath: string;
  readonly parentRunId: string | undefined;
  /** MLFLOW_RUN_CONTEXT as it was at `startRun`. */
  readonly context: string | undefined;
  /** True: `tags` are all that the run gets. In the journal, so that a replay does not tag it by its own surroundings. */
  readonly isTagged?: boolean | undefined;
  /** True: another thread has made it, and ends it. In the journal, for a replay. */
  readonly isJoined?: boolean | undefined;
}

/** Text of an End record. */
export interface EndRequest {
  readonly status: RunStatus;
  readonly endTime: number;
  /** See `RunEnd.ifRunning`. */
  readonly ifRunning?: boolean | undefined;
}

/** Text of a Config record. */
export interface ConfigRequest {
  readonly path: string;
  readonly prefix: string | undefined;
}

/** A run that is open when a worker takes over. */
export interface OpenRun {
  readonly slot: RunSlot;
  readonly request: RunRequest;
  /** Seq of its last record so far. Low 32 bits. */
  readonly issued: number;
}

/** Another thread's, for a worker that takes over. */
export interface AttachedThread extends Knock {
  /** Those that the worker before had taken, and of which it has not told that they have ended. */
  readonly runs: ReadonlyMap<RunSlot, RunRequest>;
}

/** What the worker tells the thread that has the tracker, which keeps it for the next worker. 0: look at the cursors. */
export type BellMessage =
  | 0
  | { readonly bell: string; readonly slot: RunSlot; readonly opened: RunRequest | undefined }
  /** Nothing of it is left. */
  | { readonly bell: string; readonly gone: true };

export interface LaneTask {
  readonly memory: LaneMemory;
  readonly attached: readonly AttachedThread[];
  readonly settings: LaneSettings;
  readonly openRuns: readonly OpenRun[];
  /**
   * The worker posts on it when the caller asked to be told of settlements or failures. The other way go the knocks that
   * the caller's thread has heard: what is posted before a worker listens waits for it there.
   */
  readonly bell: MessagePort;
  /** comlink: `LaneControl`. */
  readonly control: MessagePort;
}

/** Called over comlink. Failures come as data: an error that crosses loses its class. */
export interface LaneControl {
  /** The run's id in the store, once it has been made; undefined when it could not be: its records' failures say why. */
  storeId(slot: RunSlot, runId: string): Promise<string | undefined>;
}
