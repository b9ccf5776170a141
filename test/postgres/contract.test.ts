/** The same contract as the SQLite file's and the server's, straight and through a pooler that keeps no session. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { storeContract } from '../store/store-contract.js';
import { uriOf } from './cluster.js';
import type { MlflowDatabase } from './mlflow-database.js';
import { Pgbouncer } from './pgbouncer.js';
import { backstage } from './place.js';
import { freshDatabase } from './shared-server.js';

let database: MlflowDatabase;
let pgbouncer: Pgbouncer;

beforeAll(async () => {
  database = await freshDatabase();
  pgbouncer = await Pgbouncer.start(database.server);
});
afterAll(async () => {
  await pgbouncer?.stop();
  await database?.drop();
});

describe('PostgreSQL', () => {
  storeContract('PostgreSQL', () => backstage(database, randomUUID()));
});

describe('pgbouncer', () => {
  // Statements have names until the pooler loses one.
  storeContract('pgbouncer', () => backstage(database, randomUUID(), uriOf(pgbouncer.address, database.name)));
});
