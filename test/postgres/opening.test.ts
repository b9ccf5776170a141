/** What is said when a database can't be used, by whom it can be mended; and that no record fails for it. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Connections } from '../../src/store/postgres/connections.js';
import { Database, statement } from '../../src/store/postgres/database.js';
import { StoreBusyError } from '../../src/store/store.js';
import { parseStoreUri } from '../../src/store/uri.js';
import { failure, newRun, persist } from '../store/calls.js';
import { type Address, askDatabase, type Cluster, uriOf } from './cluster.js';
import { serverUser } from './executables.js';
import { MlflowDatabase } from './mlflow-database.js';
import { openedAt, storeAt } from './place.js';
import { freshDatabase, ownCluster } from './shared-server.js';

let database: MlflowDatabase;
let server: Address;
beforeAll(async () => {
  database = await freshDatabase();
  ({ server } = database);
});
afterAll(() => database?.drop());

async function refusal(uri: string, env?: Readonly<Record<string, string>>): Promise<StoreBusyError> {
  const error = await failure(storeAt(uri, env).open());
  if (!(error instanceof StoreBusyError)) throw error;
  expect(error.message).not.toContain(server.password);
  return error;
}

async function inDatabase<T>(use: (name: string) => Promise<T>): Promise<T> {
  const name = `other_${randomBytes(4).toString('hex')}`;
  await askDatabase(server, 'postgres', `CREATE DATABASE ${name}`);
  try {
    return await use(name);
  } finally {
    await askDatabase(server, 'postgres', `DROP DATABASE ${name} WITH (FORCE)`);
  }
}

describe('somebody has to be told', () => {
  test('an empty database: by which command it is prepared', async () => {
    await inDatabase(async (name) => {
      const error = await refusal(uriOf(server, name));
      const command = `mlflow db upgrade postgresql://${server.user}@127.0.0.1:${server.port}/${name}`;
      expect([error.needsPerson, error.message]).toEqual([true, `the database is empty; prepare it with "${command}"`]);
    });
  });

  test('another program’s database, and one that MLflow began and did not finish', async () => {
    await inDatabase(async (name) => {
      await askDatabase(server, name, 'CREATE TABLE customers (id int)');
      expect((await refusal(uriOf(server, name))).message).toMatch(
        /^it is the database of another program \(tables: customers\)/,
      );
    });
    await inDatabase(async (name) => {
      await askDatabase(
        server,
        name,
        'CREATE TABLE runs (run_uuid varchar(32)); CREATE TABLE alembic_version (version_num varchar(32))',
      );
      const { message, needsPerson } = await refusal(uriOf(server, name));
      expect(needsPerson).toBe(true);
      expect(message).toMatch(
        /^it has MLflow's schema of revision unknown, without .*table params.*mlflow db upgrade postgresql:/,
      );
    });
  });

  test.each<[string, (server: Address) => string, RegExp]>([
    ['a wrong password', (at) => uriOf({ ...at, password: 'wrong' }, 'postgres'), /check user and password.*28P01/],
    [
      'no password',
      ({ port, user }) => `postgresql://${user}@127.0.0.1:${port}/postgres`,
      /asks for the password of headrace.*PGPASSWORD/,
    ],
    ['no such database', (at) => uriOf(at, 'nowhere'), /no such database.*3D000/],
    ['TLS where there is none', (at) => `${uriOf(at, 'postgres')}?sslmode=require`, /set sslmode to prefer or disable/],
  ])('%s', async (_what, uri, said) => {
    const error = await refusal(uri(server), { HOME: '/nowhere' });
    expect(error.message).toMatch(said);
    expect(error.needsPerson).toBe(true);
  });

  test('a user who may read only', async () => {
    const reader = `reader_${randomBytes(4).toString('hex')}`;
    await database.rows(`CREATE ROLE ${reader} LOGIN PASSWORD 'pw'`);
    await database.rows(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${reader}`);
    const error = await refusal(uriOf({ ...server, user: reader, password: 'pw' }, database.name));
    expect([error.needsPerson, error.message]).toEqual([true, expect.stringMatching(/may not write experiments, runs.*grant/)]);
    await database.rows(`DROP OWNED BY ${reader}`);
    await database.rows(`DROP ROLE ${reader}`);
  });
});

test('a server that is away needs nobody but time', async () => {
  const error = await refusal(uriOf({ ...server, port: 1 }, 'postgres'));
  expect(error.needsPerson).toBe(false);
  expect(error.message).toMatch(/^can't be reached: .*ECONNREFUSED/);
});

describe('a standby', () => {
  const setReadOnly = (at: Address, on: boolean): Promise<unknown> =>
    askDatabase(at, 'postgres', `ALTER DATABASE ${database.name} SET default_transaction_read_only = ${on ? 'on' : 'off'}`);

  test('is taken for a primary, or for what somebody has to mend', async () => {
    await setReadOnly(server, true);
    const error = await refusal(database.uri);
    await setReadOnly(server, false);
    expect([error.needsPerson, error.message]).toEqual([false, expect.stringContaining('takes no writes')]);
  });

  test('is asked again and again instead of the next host; also when it becomes one under load', async () => {
    const cluster = await ownCluster();
    onTestFinished(() => cluster.remove());
    await askDatabase(cluster.address, 'postgres', `CREATE DATABASE ${database.name} TEMPLATE mlflow_template`);
    await setReadOnly(cluster.address, true);
    const { user, password, port } = server;
    const store = storeAt(
      `postgresql://${user}:${password}@127.0.0.1:${cluster.address.port},127.0.0.1:${port}/${database.name}`,
    );
    expect((await persist(() => store.open())).busy).toBe(1);
    const [run, other] = [newRun(), newRun()];
    await store.createRun(run);
    // A failover: who was the primary takes no more writes, and the other does.
    await setReadOnly(server, true);
    await askDatabase(
      server,
      'postgres',
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'headrace'",
    );
    await setReadOnly(cluster.address, false);
    expect((await persist(() => store.createRun(other))).busy).toBeGreaterThan(0);
    await setReadOnly(server, false);
    const runs = (at: Address): Promise<unknown> => askDatabase(at, database.name, 'SELECT run_uuid AS id FROM runs');
    expect(await runs(cluster.address)).toEqual([{ id: other.id }]);
    expect(await runs(server)).toContainEqual({ id: run.id });
  });
});

test('a standby on which several connections rest is asked again, or the primary left for it', async () => {
  const cluster = await ownCluster();
  onTestFinished(() => cluster.remove());
  await askDatabase(cluster.address, 'postgres', `CREATE DATABASE ${database.name} TEMPLATE mlflow_template`);
  await askDatabase(cluster.address, 'postgres', `ALTER DATABASE ${database.name} SET default_transaction_read_only = on`);
  const { user, password, port } = server;
  const hosts = `127.0.0.1:${cluster.address.port},127.0.0.1:${port}`;
  const location = parseStoreUri(`postgresql://${user}:${password}@${hosts}/${database.name}`, process.cwd(), {});
  if (location.kind !== 'postgres') throw new Error(`${location.kind} is no database server`);
  const asked = new Database(new Connections(location.postgres), true);
  onTestFinished(() => asked.close());
  const rest = statement('SELECT pg_sleep(0.2)');
  await Promise.all([1, 2, 3].map(() => asked.rows(rest, [])));
  const write = statement("UPDATE experiments SET name = name RETURNING current_setting('port') AS port");
  await expect(asked.rows(write, [])).rejects.toMatchObject({ code: '25006' });
  for (let i = 0; i < 3; i++) expect(await asked.rows(write, [])).toContainEqual({ port: String(port) });
});

test('the first host that answers is used, whichever it is', async () => {
  const { user, password, port } = server;
  const store = await openedAt(`postgresql://${user}:${password}@127.0.0.1:1,127.0.0.1:${port}/${database.name}`);
  const run = newRun();
  expect(await store.createRun(run)).toBe(run.id);
});

test('artifacts of a new experiment go elsewhere than the database’s own server puts them', async () => {
  await database.rows("UPDATE experiments SET artifact_location = 's3://bucket/root/0' WHERE experiment_id = 0");
  const store = await openedAt(database.uri);
  const run = newRun();
  await store.createRun(newRun());
  await database.rows("UPDATE experiments SET artifact_location = 's3://bucket/root/0' WHERE experiment_id = 0");
  await store.createRun({ ...run, experiment: { name: 'shared' } });
  const [row] = await database.rows<{ uri: string; id: number }>(
    'SELECT artifact_uri AS uri, experiment_id AS id FROM runs WHERE run_uuid = $1',
    run.id,
  );
  expect(row?.uri).toBe(`s3://bucket/root/${row?.id}/${run.id}/artifacts`);
});

describe('TLS', () => {
  let cluster: Cluster;
  let folder: string;
  let root: string;
  let place: MlflowDatabase;
  beforeAll(async () => {
    folder = newTlsFolder();
    root = join(folder, 'root.crt');
    const { uid = process.getuid?.() ?? 0, gid = process.getgid?.() ?? 0 } = await serverUser();
    for (const name of ['.', 'server.crt', 'server.key']) chownSync(join(folder, name), uid, gid);
    cluster = await ownCluster({
      ssl: 'on',
      ssl_cert_file: join(folder, 'server.crt'),
      ssl_key_file: join(folder, 'server.key'),
    });
    place = await MlflowDatabase.make(cluster.address);
  });
  afterAll(async () => {
    await cluster?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** How the store's connections go. */
  async function encrypted(query: string, host = 'localhost'): Promise<boolean[]> {
    const store = await openedAt(`${place.uri.replace('127.0.0.1', host)}?application_name=tls&${query}`);
    const rows = await place.rows<{ ssl: boolean }>(
      "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'tls'",
    );
    await store.close();
    return rows.map(({ ssl }) => ssl);
  }

  test.each<[string, boolean]>([
    ['sslmode=disable', false],
    ['sslmode=allow', false],
    ['sslmode=prefer', true],
    ['sslmode=require', true],
  ])('%j is encrypted: %j', async (query, isEncrypted) => {
    expect(await encrypted(query)).toEqual([isEncrypted]);
  });

  test('a certificate is trusted that nobody vouches for, or another host’s', async () => {
    const named = `sslrootcert=${root}`;
    expect(await encrypted(`sslmode=verify-full&${named}`)).toEqual([true]);
    expect(await encrypted(`sslmode=verify-ca&${named}`, '127.0.0.1')).toEqual([true]);
    const other = await failure(encrypted(`sslmode=verify-full&${named}`, '127.0.0.1'));
    expect(other).toMatchObject({ needsPerson: true, message: expect.stringContaining('name the host as its certificate does') });
    const unknown = await failure(encrypted('sslmode=verify-full&sslrootcert=system'));
    expect(unknown).toMatchObject({ needsPerson: true, message: expect.stringContaining('sslrootcert') });
  });
});

/** An authority, and a server's key and certificate for `localhost` by it. */
function newTlsFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-tls-'));
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  openssl(...'req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.crt -days 2 -subj /CN=headrace'.split(' '));
  openssl(...'req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost'.split(' '));
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost');
  openssl(
    ...'x509 -req -in server.csr -CA root.crt -CAkey root.key -CAcreateserial -out server.crt -days 2 -extfile names'.split(' '),
  );
  return folder;
}
