/** Tags that MLflow itself acts on. */

/** MLflow keeps a run's name in a field and in this tag; setting the tag renames the run. */
export const RUN_NAME_TAG = 'mlflow.runName';

/** What MLflow's UI nests runs by. */
export const PARENT_RUN_TAG = 'mlflow.parentRunId';
