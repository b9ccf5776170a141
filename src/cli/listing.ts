/** What is in the journals of one store, as `headrace journal --json` prints it. Changes nothing. */
import { damage } from '../journal/damage.js';
import { readHome } from '../journal/home.js';
import { ownerOf } from '../journal/owner-lock.js';
import { type Recovered, type RecoveredRun, recover } from '../journal/recovery.js';
import { type Buried, graveyard } from './buried.js';
import type { StorePlace } from './places.js';

export interface RunListing {
  /** Our own; null: what the run is, was lost with damaged frames. */
  readonly id: string | null;
  /** In the store; null: not known to be there. */
  readonly storeId: string | null;
  readonly name: string | null;
  /** Records that have not landed. */
  readonly pending: number;
  readonly pendingBytes: number;
  /** Everything of it that is in the journal has landed, its end too if it has one. */
  readonly landed: boolean;
  /** As the program said; null: it did not end the run. */
  readonly end: string | null;
}

export interface OwnerListing {
  readonly pid: number | null;
  readonly host: string | null;
  /** Of a process, which part. */
  readonly holder: string;
}

export interface JournalListing {
  readonly folder: string;
  /** Null: nobody, or a process that is dead. */
  readonly owner: OwnerListing | null;
  readonly bytes: number;
  readonly runs: readonly RunListing[];
  /** In words. */
  readonly skipped: readonly string[];
  /** Why nothing can be told of it. */
  readonly error: string | null;
}

export interface StoreListing {
  readonly home: string;
  /** Null: the folder does not say. */
  readonly uri: string | null;
  readonly journals: readonly JournalListing[];
  readonly dead: {
    readonly path: string;
    readonly count: number;
    readonly reasons: readonly Buried[];
    readonly unreadableLines: number;
  };
}

/** An owner may delete a segment between a look at its name and one at what is in it. */
const LOOKS = 5;

export async function listStore({ home, journals }: StorePlace): Promise<StoreListing> {
  const { path, groups, unreadable } = await graveyard(home);
  return {
    home,
    uri: readHome(home) ?? null,
    journals: journals.flatMap((folder) => listJournal(folder) ?? []),
    dead: { path, count: groups.reduce((sum, { count }) => sum + count, 0), reasons: groups, unreadableLines: unreadable },
  };
}

/** Undefined: it is gone, with all that was in it landed. */
function listJournal(folder: string): JournalListing | undefined {
  for (let look = 1; ; look++) {
    try {
      // Before the records: an owner that ends in between has written them all.
      const owner = ownerOf(folder);
      const recovered = recover(folder);
      const { segments, skipped } = recovered;
      return {
        folder,
        owner: owner === undefined ? null : ownerListing(owner),
        bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
        runs: runsOf(recovered),
        // While it is written, its last frame is always unfinished for a moment.
        skipped: skipped.filter(({ reason }) => reason !== 'torn' || owner === undefined).map(damage),
        error: null,
      };
    } catch (error) {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (isMissing && look < LOOKS) continue;
      if (isMissing) return undefined;
      const reason = error instanceof Error ? error.message : String(error);
      return { folder, owner: null, bytes: 0, runs: [], skipped: [], error: reason };
    }
  }
}

function ownerListing({ process: by, holder }: NonNullable<ReturnType<typeof ownerOf>>): OwnerListing {
  return { pid: by?.pid ?? null, host: by?.host ?? null, holder };
}

function runsOf({ runs }: Recovered): RunListing[] {
  return [...runs.values()].map(({ state, backlog }: RecoveredRun): RunListing => {
    const { opened, storeId, ended, finished } = state;
    return {
      id: opened?.id ?? null,
      storeId: storeId ?? null,
      name: opened === undefined ? null : nameIn(opened.request),
      pending: backlog?.records ?? 0,
      pendingBytes: backlog?.bytes ?? 0,
      landed: finished || backlog === undefined,
      end: ended?.status ?? null,
    };
  });
}

/** From what the run is made from, which another version may have written. */
function nameIn(request: string): string | null {
  try {
    const { name }: { readonly name?: unknown } = JSON.parse(request);
    return typeof name === 'string' ? name : null;
  } catch {
    return null;
  }
}
