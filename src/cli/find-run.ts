/** The run that somebody names, or the nearest to it in the error. */
import { RunNotFoundError } from '../errors.js';
import { nearest } from '../nearest.js';
import { SHORTEST_PREFIX } from '../reading/find-run.js';
import type { Runs, StoredRun } from '../reading/stored-run.js';

/** Of the latest runs, among which a person's usually is. */
const LOOKED_THROUGH = 500;

export async function findRun(runs: Runs, word: string): Promise<StoredRun> {
  try {
    return await runs.getRun(word);
  } catch (error) {
    if (!(error instanceof RunNotFoundError)) throw error;
    const names = new Set<string>();
    for await (const { name } of runs.searchRuns({ limit: LOOKED_THROUGH })) names.add(name);
    const meant = nearest(word, [...names]);
    throw new Error(`there is no run ${JSON.stringify(word)}${meant === undefined ? remedy(word) : `. Did you mean ${meant}?`}`);
  }
}

function remedy(word: string): string {
  const isShort = /^[\da-f]+$/i.test(word) && word.length < SHORTEST_PREFIX;
  return isShort ? `; of an id, write ${SHORTEST_PREFIX} digits at least` : '; headrace runs lists them';
}
