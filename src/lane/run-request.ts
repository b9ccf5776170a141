import { runTags } from '../store/run-context.js';
import type { NewRun } from '../store/store.js';
import type { RunRequest } from './task.js';

/** The run as a store makes it: what the caller asked for, with MLflow's default tags. `parentId`: the store's, once known. */
export async function newRunOf(request: RunRequest, mayExist: boolean, parentId?: string): Promise<NewRun> {
  const { id, resume, experiment, name, userId, startTime, scriptPath, context, isTagged } = request;
  const parentRunId = parentId ?? request.parentRunId;
  // MLflow's client gives a run that it resumes no default tags: they tell of the program that made it.
  const tags =
    resume || isTagged === true
      ? request.tags
      : await runTags({ userName: userId, scriptPath, parentRunId, tags: request.tags }, { MLFLOW_RUN_CONTEXT: context });
  // MLflow's client: whoever the tag names, so that column and tag always agree.
  const named = tags.find(([key]) => key === 'mlflow.user')?.[1];
  return { id, resume, mayExist, experiment, name, userId: named ?? userId, startTime, tags };
}
