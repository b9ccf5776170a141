/** Tags that MLflow itself acts on. */

/** MLflow keeps a run's name in a field and in this tag; setting the tag renames the run. */
export const RUN_NAME_TAG = 'mlflow.runName';

/** What MLflow's UI nests runs by. */
export const PARENT_RUN_TAG = 'mlflow.parentRunId';

/** Carries our id, which is known before the server has one: a run whose creation had no answer is found by it. */
export const OWN_ID_TAG = 'headrace.run_id';
