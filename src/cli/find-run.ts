/** The run that somebody names, or the nearest to it in the error. */
import { RunNotFoundError } from '../errors.js';
import { nearest } from '../nearest.js';
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
    throw meant === undefined ? error : new Error(`there is no run ${JSON.stringify(word)}. Did you mean ${meant}?`);
  }
}
