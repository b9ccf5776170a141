/** Params in which runs differ, those first that a person looks for. */
import { numberIdentity, numberOf } from '../params/number-text.js';
import type { StoredRun } from '../reading/stored-run.js';

interface Varying {
  readonly key: string;
  /** Which runs have the same value: for each the first one that does. */
  readonly grouping: string;
  /** The less, the more it tells. */
  readonly ranks: readonly number[];
}

/**
 * One that some runs have and others don't varies, too; one number in two spellings does not. What more runs have comes
 * first, then `lr` before `model.layers.0.units`; at the end what groups the runs as one before it does, and so adds nothing.
 */
export function varyingParams(runs: readonly StoredRun[]): string[] {
  const varying = keysOf(runs.map(({ params }) => params))
    .flatMap((key) => varyingIn(key, runs) ?? [])
    .sort((a, b) => difference(a.ranks, b.ranks));
  const told = new Set<string>();
  const repeated: string[] = [];
  const first: string[] = [];
  for (const { key, grouping } of varying) {
    (told.has(grouping) ? repeated : first).push(key);
    told.add(grouping);
  }
  return [...first, ...repeated];
}

export function keysOf(maps: readonly ReadonlyMap<string, unknown>[]): string[] {
  return [...new Set(maps.flatMap((map) => [...map.keys()]))].sort();
}

/** `lr` is one, `model.layers.0.units` four. */
export function partsOf(key: string): number {
  return key.split(/[./]/).length;
}

function varyingIn(key: string, runs: readonly StoredRun[]): Varying | undefined {
  const texts = runs.map(({ params }) => params.get(key));
  const firsts = new Map<string | undefined, number>();
  const grouping = texts.map((text, index) => {
    const value = text === undefined ? text : (numberIdentity(text) ?? text);
    const first = firsts.get(value) ?? index;
    firsts.set(value, first);
    return first;
  });
  if (firsts.size === 1) return undefined;
  const given = texts.filter((text) => text !== undefined);
  // A text that each run has for itself is a name or a path.
  const isLabel = runs.length > 2 && firsts.size === runs.length && given.some((text) => numberOf(text) === undefined);
  return { key, grouping: grouping.join(), ranks: [Number(isLabel), runs.length - given.length, partsOf(key)] };
}

function difference(a: readonly number[], b: readonly number[]): number {
  for (const [place, rank] of a.entries()) if (rank !== b[place]) return rank - (b[place] ?? 0);
  return 0;
}
