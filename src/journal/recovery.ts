import { existsSync, statSync } from 'node:fs';
import { readAcknowledgements } from './acknowledgements.js';
import { type FrameHead, Kind } from './frame.js';
import type { Place } from './reader.js';
import { decode } from './record.js';
import { RunState } from './run-state.js';
import { listSegments } from './segment-name.js';
import { SegmentReader, type Skipped } from './segment-reader.js';
import { laterSeq, neededSeq } from './seq.js';

/** What of a run is in the journal and has not landed. */
export interface Backlog {
  /** Where its first frame is. */
  readonly from: Place;
  readonly frames: number;
  /** Logged ones: making and ending the run aside. */
  readonly records: number;
  readonly bytes: number;
}

export interface RecoveredRun {
  readonly state: RunState;
  /** Undefined: everything of it has landed. */
  readonly backlog: Backlog | undefined;
  /** The last record of which all is here; undefined: none that is still here. */
  readonly lastSeq: number | undefined;
}

export interface RecoveredSegment {
  readonly number: number;
  readonly path: string;
  readonly bytes: number;
  /** Of each run that has frames in it, the seq that must have landed before the segment can go. */
  readonly needed: ReadonlyMap<number, number>;
}

export interface Recovered {
  /** Every run that something is known of, those that are finished included. */
  readonly runs: ReadonlyMap<number, RecoveredRun>;
  readonly segments: readonly RecoveredSegment[];
  /** Everything that was left out, and why. */
  readonly skipped: readonly Skipped[];
  /** Numbers that have not been used. */
  readonly nextRun: number;
  readonly nextSegment: number;
  readonly nextSequence: number;
}

interface Counted {
  from: Place;
  frames: number;
  records: number;
  bytes: number;
}

/**
 * What a dead process left in a folder: which runs are not finished, and where replay begins for each. Changes
 * nothing, and may be called for a live journal too; then it tells of a moment.
 */
export function recover(folder: string): Recovered {
  const skipped: Skipped[] = [];
  const onSkip = (one: Skipped): void => void skipped.push(one);
  const runs = new Map<number, RunState>();
  const backlogs = new Map<number, Counted>();
  const last = new Map<number, number>();
  const stateOf = (run: number): RunState => {
    let state = runs.get(run);
    if (state === undefined) {
      state = new RunState(run);
      runs.set(run, state);
    }
    return state;
  };

  readAcknowledgements(folder, onSkip, (record) => {
    const state = stateOf(record.run);
    switch (record.kind) {
      case 'opened':
        state.opened = record;
        return;
      case 'storeId':
        state.storeId = record.storeId;
        return;
      case 'landed':
        state.land(record.seq);
        return;
      case 'finished':
        state.finish();
        return;
    }
  });

  const { segments: names, foreign } = existsSync(folder) ? listSegments(folder) : { segments: [], foreign: [] };
  for (const path of foreign) onSkip({ path, start: 0, end: statSync(path).size, reason: 'foreign' });
  const segments: RecoveredSegment[] = [];
  let nextSequence = 1;
  for (const name of names) {
    const needed = new Map<number, number>();
    const before = skipped.length;
    const reader = new SegmentReader(name, onSkip);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      const { head, sequence, start, end } = frame;
      nextSequence = Math.max(nextSequence, sequence + 1);
      const state = stateOf(head.run);
      declare(state, head, frame.payload);
      needed.set(head.run, laterSeq(needed.get(head.run), neededSeq(head)));
      last.set(head.run, laterSeq(last.get(head.run), head.lastSeq));
      if (state.hasLanded(neededSeq(head))) continue;
      const backlog = backlogs.get(head.run);
      if (backlog === undefined) {
        const from = { segment: name.number, offset: start, sequence };
        backlogs.set(head.run, { from, frames: 1, records: recordsOf(head), bytes: end - start });
      } else {
        backlog.frames++;
        backlog.records += recordsOf(head);
        backlog.bytes += end - start;
      }
    }
    reader.finish();
    // Nothing of such a file is ours to judge, or to delete.
    const alone = skipped
      .slice(before)
      .some(({ reason }) => reason === 'foreign' || reason === 'version' || reason === 'unreadable');
    if (!alone) segments.push({ number: name.number, path: name.path, bytes: statSync(name.path).size, needed });
  }

  return {
    runs: new Map(
      [...runs].map(([run, state]) => {
        return [run, { state, backlog: state.finished ? undefined : backlogs.get(run), lastSeq: last.get(run) }];
      }),
    ),
    segments,
    skipped,
    nextRun: [...runs.keys()].reduce((highest, run) => Math.max(highest, run), 0) + 1,
    nextSegment: (names[names.length - 1]?.number ?? 0) + 1,
    nextSequence,
  };
}

function declare(state: RunState, head: FrameHead, payload: Buffer): void {
  if (head.kind !== Kind.Opened && head.kind !== Kind.Ended) return;
  try {
    const record = decode(head, payload);
    if (record?.kind === 'opened') state.opened = record;
    else if (record?.kind === 'ended') state.ended = record;
  } catch {
    // Whoever reads the journal meets the frame too, and says so.
  }
}

function recordsOf({ kind, firstSeq, lastSeq }: FrameHead): number {
  return kind === Kind.Items ? (lastSeq - firstSeq + 1) | 0 : 0;
}
