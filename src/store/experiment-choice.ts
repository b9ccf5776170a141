/** Why an experiment takes no run, in the same words for every store. */
import { ExperimentError } from '../errors.js';

/** Where runs go that name no experiment: MLflow's `Default`. */
export const DEFAULT_EXPERIMENT_ID = '0';

export function missingExperiment(id: string): ExperimentError {
  return new ExperimentError({
    experiment: id,
    reason: 'is not in the store; give the id of one that is, or a name, which is made if missing',
  });
}

export function otherExperiment(name: string, id: string, found: string): ExperimentError {
  return new ExperimentError({
    experiment: name,
    reason: `is not the one with id ${id}, which is named ${JSON.stringify(found)}; give only one of the two`,
  });
}

export function deletedExperiment(asked: string): ExperimentError {
  return new ExperimentError({
    experiment: asked,
    reason: 'is deleted; restore it ("mlflow experiments restore") or use another name',
  });
}
