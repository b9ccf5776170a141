/** What the caller's thread hands to a lane's worker at its start, and what it can ask of it afterwards. */
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

/** Everything that the two ends of a lane share. It outlives a worker: the next one goes on with it. */
export interface LaneMemory {
  readonly ring: SharedArrayBuffer;
  readonly verdicts: SharedArrayBuffer;
  readonly keys: SharedArrayBuffer;
  readonly runs: SharedArrayBuffer;
  readonly signals: SharedArrayBuffer;
  /** Milliseconds since 1970 that stamps and pulses count from. */
  readonly epoch: number;
}

export function newLaneMemory(ringBytes: number): LaneMemory {
  return {
    ring: newRing(ringBytes),
    verdicts: newRing(VERDICT_RING_BYTES),
    keys: newKeyTable(),
    runs: newRunTable(),
    signals: newSignals(),
    // One behind, as a stamp of 0 means that there is none.
    epoch: Date.now() - 1,
  };
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

export interface LaneTask {
  readonly memory: LaneMemory;
  readonly settings: LaneSettings;
  readonly openRuns: readonly OpenRun[];
  /** The worker posts on it when the caller asked to be told of settlements or failures. */
  readonly bell: MessagePort;
  /** comlink: `LaneControl`. */
  readonly control: MessagePort;
}

/** Called over comlink. Failures come as data: an error that crosses loses its class. */
export interface LaneControl {
  /** The run's id in the store, once it has been made; undefined when it could not be: its records' failures say why. */
  storeId(slot: RunSlot, runId: string): Promise<string | undefined>;
}
