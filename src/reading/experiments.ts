import { ExperimentError } from '../errors.js';
import { nearest } from '../nearest.js';

/** Of those that are not deleted. */
export interface Experiment {
  readonly id: string;
  readonly name: string;
}

/** Those that were asked for, by name or else by id; all of them where nothing was asked. */
export function chosenExperiments(
  all: readonly Experiment[],
  asked: readonly string[] | undefined,
): ReadonlyMap<string, Experiment> {
  const chosen = asked === undefined ? all : asked.map((text) => chosenExperiment(all, text));
  return new Map(chosen.map((experiment) => [experiment.id, experiment]));
}

function chosenExperiment(all: readonly Experiment[], asked: string): Experiment {
  const found = all.find(({ name }) => name === asked) ?? all.find(({ id }) => id === asked);
  if (found !== undefined) return found;
  const alike = nearest(
    asked,
    all.map(({ name }) => name),
  );
  const perhaps = alike === undefined ? '' : `; perhaps ${JSON.stringify(alike)}`;
  throw new ExperimentError({ experiment: asked, reason: `is not in the store, or is deleted${perhaps}` });
}
