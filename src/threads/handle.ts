/** What another thread needs to log by a tracker. Plain data and shared memory: it can be posted as it is. */
import { OptionError } from '../errors.js';
import type { LaneJournalSettings } from '../lane/task.js';
import { type Settings, shown } from '../options.js';
import { VERSION } from '../version.js';
import type { SpareRings } from './spare-rings.js';

/** Of a tracker; `attachTracker` makes one of it in another thread of this process. Nothing in it is for other eyes. */
export interface TrackerHandle {
  readonly headrace: string;
  /** Undefined: the tracker is disabled, and so are those that are attached to it. */
  readonly tracker: HandledTracker | undefined;
}

export interface HandledTracker {
  readonly settings: CallerSettings;
  /** By their numbers. */
  readonly lanes: readonly LaneHandle[];
}

export interface LaneHandle {
  /** See `LaneMemory`. */
  readonly door: string;
  readonly signals: SharedArrayBuffer;
  readonly epoch: number;
  readonly spareRings: SpareRings;
  /** Thread that has the tracker. */
  readonly owner: number;
  readonly journal: Pick<LaneJournalSettings, 'home' | 'folder'> | undefined;
}

/** The part of a tracker's settings that threads which log need: no address of a store, no credentials. */
export interface CallerSettings
  extends Pick<
    Settings,
    | 'experiment'
    | 'workers'
    | 'ringBytes'
    | 'offline'
    | 'onFull'
    | 'blockTimeoutMs'
    | 'separator'
    | 'onLongValue'
    | 'exitTimeoutMs'
    | 'signals'
  > {
  readonly location: Pick<Settings['location'], 'kind' | 'display'>;
}

export function callerSettings(settings: CallerSettings): CallerSettings {
  const { experiment, workers, ringBytes, offline, onFull, blockTimeoutMs, separator, onLongValue, exitTimeoutMs } = settings;
  const { kind, display } = settings.location;
  return {
    experiment,
    workers,
    ringBytes,
    offline,
    onFull,
    blockTimeoutMs,
    separator,
    onLongValue,
    exitTimeoutMs,
    // They come to the main thread only, and there the tracker's own handler waits for all.
    signals: false,
    location: { kind, display },
  };
}

export function newHandle(tracker: HandledTracker | undefined): TrackerHandle {
  return { headrace: VERSION, tracker };
}

/** Throws OptionError for what is no handle, or has not come as one. */
export function checkHandle(given: unknown): TrackerHandle {
  const expected = 'what tracker.handle() returned, posted to this thread or given as its workerData';
  const error = (received: string, wanted = expected): OptionError =>
    new OptionError({ option: 'attachTracker', received, expected: wanted });
  if (typeof given !== 'object' || given === null) throw error(shown(given));
  if ('startRun' in given) throw error('a tracker', `${expected}: a tracker itself can't leave its thread`);
  if (!('headrace' in given) || !('tracker' in given)) throw error('another object');
  if (given.headrace !== VERSION)
    throw error(`a handle of headrace ${shown(given.headrace)}`, `one of ${VERSION}: both threads have to load the same version`);
  // Whoever makes such an object by hand gets what he deserves.
  const handle = given as TrackerHandle;
  if (handle.tracker?.lanes.every(({ signals }) => signals instanceof SharedArrayBuffer) === false)
    throw error('a copy without its shared memory', `${expected}: it can't leave its process, nor be stored`);
  return handle;
}
