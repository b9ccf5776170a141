/** What global-setup.ts started for all test files, found again by each of them. */
import { Cluster, type Settings } from './cluster.js';
import { MlflowDatabase } from './mlflow-database.js';

export interface SharedServer {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The data of a stopped server that holds the template. */
  readonly original: string;
}

/** Vitest's forks start after the setup and inherit the environment. */
const VARIABLE = 'HEADRACE_TEST_POSTGRES';

/** A crash of the server is no crash of the machine. */
export const TEST_SETTINGS: Settings = { fsync: 'off' };

export function share(server: SharedServer): void {
  process.env[VARIABLE] = JSON.stringify(server);
}

function sharedServer(): SharedServer {
  const text = process.env[VARIABLE];
  if (text === undefined || text === '') {
    throw new Error(`${VARIABLE} is not set: the setup of \`npm run test:postgres\` sets it, which starts the server`);
  }
  // Written by `share`.
  return JSON.parse(text) as SharedServer;
}

/** A database of the test's own on the server of all. */
export function freshDatabase(): Promise<MlflowDatabase> {
  return MlflowDatabase.make(sharedServer());
}

/** A server of the test's own, to stop and to break; it holds the template too. */
export function ownCluster(settings: Settings = {}): Promise<Cluster> {
  const { original, password } = sharedServer();
  return Cluster.make({ ...TEST_SETTINGS, ...settings }, { data: original, password });
}
