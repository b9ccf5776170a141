import { AUTH_REQUIREMENTS, mlflowPython, OLDER_MLFLOWS, PINNED_MLFLOW } from './python-env.js';

/** The short form runs against one MLflow, the long form (`HEADRACE_LONG=1`) against older ones too. */
export const MLFLOWS: readonly string[] =
  process.env['HEADRACE_LONG'] === '1' ? [...OLDER_MLFLOWS, PINNED_MLFLOW] : [PINNED_MLFLOW];

/**
 * Servers are asked in the short form too: 2.22 is gunicorn without kept-alive connections, 3.4 the first on
 * uvicorn, both refuse metrics that are sent again (more than 100 keys); so does 3.12 (NaN), and 3.17 doesn't.
 */
export const SERVERS: readonly string[] = ['2.22.5', '3.4.0', '3.12.0', PINNED_MLFLOW];

/** Path of the interpreter that has this MLflow. */
export async function pythonOf(version: string = PINNED_MLFLOW): Promise<string> {
  if (version !== PINNED_MLFLOW) return mlflowPython(version);
  const python = process.env['HEADRACE_PYTHON'];
  if (python === undefined || python === '') {
    throw new Error(
      'HEADRACE_PYTHON is not set: the setup of `npm run test:mlflow` sets it; these tests are nothing without MLflow',
    );
  }
  return python;
}

/** Path of the interpreter whose MLflow can be served with users and passwords. */
export function pythonWithAuth(): Promise<string> {
  return mlflowPython(PINNED_MLFLOW, AUTH_REQUIREMENTS);
}

/** A program's environment without what would choose an MLflow run or store, and without MLflow's reports to its makers. */
export function mlflowEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('MLFLOW_'));
  return { ...Object.fromEntries(kept), MLFLOW_DISABLE_TELEMETRY: 'true', DO_NOT_TRACK: 'true', PYTHONUTF8: '1', ...extra };
}
