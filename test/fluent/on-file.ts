/** headrace/fluent remembers for a whole process: each test gets a file of its own, and leaves no run active. */
import { afterEach, beforeEach } from 'vitest';
import { activeRun, endRun, setTrackingUri } from '../../src/fluent.js';
import { Stored } from '../tracker/stored.js';

const NAMES = [
  'MLFLOW_RUN_ID',
  'MLFLOW_TRACKING_URI',
  'MLFLOW_EXPERIMENT_NAME',
  'MLFLOW_EXPERIMENT_ID',
  'HEADRACE_DISABLED',
  'HEADRACE_OFFLINE',
];

/** For the top of a test file. */
export function forgetBetweenTests(): void {
  beforeEach(clearEnvironment);
  afterEach(async () => {
    while (activeRun() !== undefined) await endRun('FINISHED', { throwOnFailure: false });
    clearEnvironment();
  });
}

function clearEnvironment(): void {
  for (const name of NAMES) delete process.env[name];
}

export function fluentOnFile(): Stored {
  const stored = new Stored();
  setTrackingUri(stored.uri);
  return stored;
}

/** The stored runs by name: params, and the name of the parent. */
export function runsOf(
  stored: Stored,
): Map<string, { status: string; params: Record<string, string>; parent: string | undefined }> {
  const runs = stored.rows('SELECT run_uuid, name, status FROM runs');
  const names = new Map(runs.map(({ run_uuid, name }) => [String(run_uuid), String(name)]));
  return new Map(
    runs.map(({ run_uuid, name, status }) => {
      const parent = stored.tag(String(run_uuid), 'mlflow.parentRunId');
      return [
        String(name),
        {
          status: String(status),
          params: stored.params(String(run_uuid)),
          parent: parent === undefined ? undefined : names.get(parent),
        },
      ];
    }),
  );
}
