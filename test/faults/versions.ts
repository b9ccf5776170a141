import { PINNED_MLFLOW } from '../mlflow/python-env.js';

/** The oldest (no kept connections, the older rules for metrics that are sent again) and the newest. */
export const VERSIONS: readonly string[] = ['2.22.5', PINNED_MLFLOW];
