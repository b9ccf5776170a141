/** A server with users: what a password opens, and that a wrong one neither hammers nor loses nor shows anything. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTracker, type HeadraceError, type Tracker, type TrackerOptions } from '../../src/index.js';
import { basic, type Credentials } from './mlflow-api.js';
import { mlflowEnvironment } from './mlflow-versions.js';
import { PINNED_MLFLOW } from './python-env.js';
import { RecordingProxy } from './recording-proxy.js';
import { ServerPlace } from './server-place.js';

const ADA: Credentials = { username: 'ada', password: 'ada-lovelace/1815@:%' };
const BOB: Credentials = { username: 'bob', password: 'bob-has-a-secret-1' };
/** Has a password before the server knows of him. */
const LATE: Credentials = { username: 'late', password: 'late-but-not-never' };

let place: ServerPlace;

beforeAll(async () => {
  place = await ServerPlace.start(PINNED_MLFLOW, { app: 'basic-auth' });
  for (const user of [ADA, BOB]) await place.server.post('users/create', user);
});

afterAll(() => place?.stop());

test('the right password, from the environment or the uri, opens the server for a whole run', async () => {
  const proxy = await RecordingProxy.start(place.server.url);
  const { username, password } = ADA;
  const inUri = proxy.url.replace('//', `//${username}:${encodeURIComponent(password)}@`);
  const trackers = [trackerOf(ADA, proxy.url), createTracker({ uri: inUri })];
  for (const tracker of trackers) {
    const run = tracker.startRun({ experiment: 'of ada', name: 'whole' });
    run.logParams({ lr: 0.1, layers: [1, 2] });
    run.logMetric('loss', 0.5, 1, 1000);
    run.setTag('t', 'x');
    const report = await run.end('FAILED');
    expect([report.failed, report.pending]).toEqual([0, 0]);
    expect(await place.server.run(await run.storeId)).toMatchObject({
      name: 'whole',
      status: 'FAILED',
      params: [
        ['layers', '[1,2]'],
        ['lr', '0.1'],
      ],
      history: [['loss', 1, 1000, 0.5]],
      tags: expect.arrayContaining([['t', 'x']]),
    });
    // Whoever looks into a tracker, as a test's diff or console.log does.
    expectNoSecret(inspect(tracker, { depth: 20, showHidden: true }) + JSON.stringify(tracker.stats()), ADA);
    await tracker.close();
  }
  for (const { headers } of proxy.exchanges) expect(headers.authorization).toBe(basic(ADA));
  await proxy.stop();
});

describe.concurrent('what only a person can mend', () => {
  test('a wrong password is told once, asked for rarely, and what was logged lands when it is right', async ({ expect }) => {
    const proxy = await RecordingProxy.start(place.server.url);
    const tracker = trackerOf(LATE, proxy.url, { workers: 1 });
    const told = listen(tracker);
    const runs = Array.from({ length: 5 }, (_, i) => tracker.startRun({ experiment: 'of late', name: `run ${i}` }));
    const receipts = runs.flatMap((run) => [run.logParam('p', 1), run.logMetric('m', 1, 0, 1000), run.setTag('t', 'x')]);
    await seconds(5);
    expect(proxy.exchanges.map(({ status }) => status)).toEqual([401]);
    expect(told.down).toHaveLength(1);
    expect(told.down[0]?.message).toMatch(/401.*MLFLOW_TRACKING_USERNAME/s);
    expect(told.errors).toEqual([]);
    expect(receipts.map(({ state }) => state)).toEqual(receipts.map(() => 'durable'));
    // A flush says where it all is, and asks for nothing.
    const flush = await tracker.flush({ timeoutMs: 100 });
    expect(flush).toMatchObject({ landed: 0, pending: receipts.length, durable: receipts.length });
    expect(proxy.exchanges).toHaveLength(1);
    expectNoSecret(inspect([told, flush, tracker.stats(), tracker], { depth: 20, showHidden: true }), LATE);

    await place.server.post('users/create', LATE);
    await Promise.all(receipts);
    expect(told.up).toBe(1);
    expect(proxy.exchanges.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(2);
    for (const run of runs) {
      expect(await place.server.content(await run.storeId)).toMatchObject({
        params: { p: '1' },
        metrics: { m: 1 },
        tags: { t: 'x' },
      });
    }
    await tracker.close();
    await proxy.stop();
  });

  test('a run that the user may not write waits; the other runs of the tracker land', async ({ expect }) => {
    const experiment = await place.server.createExperiment('of the administrator');
    const forbidden = await place.server.createRun({ experiment_id: experiment });
    const proxy = await RecordingProxy.start(place.server.url);
    const tracker = trackerOf(BOB, proxy.url, { experiment: 'of bob', workers: 1 });
    const told = listen(tracker);
    const waiting = [tracker.startRun({ runId: forbidden }), tracker.startRun({ experiment: 'of the administrator' })];
    const receipts = waiting.map((run) => run.logParam('p', 'of bob'));
    for (let i = 0; i < 5; i++) {
      const run = tracker.startRun();
      await Promise.all([run.logParam('p', i), run.logMetric('m', i), run.setTag('t', 'x')]);
      expect((await run.end()).landed).toBeGreaterThanOrEqual(3);
    }
    await seconds(3);
    expect(receipts.map(({ state }) => state)).toEqual(['durable', 'durable']);
    expect(told.errors).toEqual([]);
    expect(told.down.length).toBeGreaterThan(0);
    expect(told.down[0]?.message).toMatch(/403.*permission/is);
    // One look for each of the two.
    const refused = (): number => proxy.exchanges.filter(({ status }) => status === 403).length;
    expect(refused()).toBe(2);
    expectNoSecret(inspect([told, tracker.stats(), tracker], { depth: 20, showHidden: true }), BOB);

    const permission = { username: BOB.username, resource_type: 'experiment', resource_id: experiment, permission: 'EDIT' };
    await place.server.post('/api/3.0/mlflow/users/permissions/grant', permission);
    await Promise.all(receipts);
    expect(refused()).toBeLessThanOrEqual(4);
    for (const run of waiting) {
      const runId = await run.storeId;
      expect((await place.server.content(runId)).params).toEqual({ p: 'of bob' });
    }
    expect(await waiting[0]?.storeId).toBe(forbidden);
    await tracker.close();
    await proxy.stop();
  });

  test('a program with a wrong password ends in time, says why, and shows no secret', async ({ expect }) => {
    const wrong = { username: 'ada', password: 'a-wrong-guess-of-it' };
    const { code, said, ms } = await programs(wrong, place.server.url);
    expect(said).toMatch(/401/);
    expect(said).toMatch(/MLFLOW_TRACKING_USERNAME/);
    expect(said).toMatch(/listener: /);
    expect(said).toMatch(/report: /);
    expect(ms).toBeLessThan(20_000);
    expect(code).not.toBeNull();
    expectNoSecret(said, wrong);
  });
});

/** Its credentials stand in the environment, as for MLflow's client, while it is made. */
function trackerOf({ username, password }: Credentials, uri: string, options: TrackerOptions = {}): Tracker {
  process.env['MLFLOW_TRACKING_USERNAME'] = username;
  process.env['MLFLOW_TRACKING_PASSWORD'] = password;
  try {
    return createTracker({ uri, ...options });
  } finally {
    delete process.env['MLFLOW_TRACKING_USERNAME'];
    delete process.env['MLFLOW_TRACKING_PASSWORD'];
  }
}

interface Told {
  readonly down: HeadraceError[];
  readonly errors: HeadraceError[];
  up: number;
}

function listen(tracker: Tracker): Told {
  const told: Told = { down: [], errors: [], up: 0 };
  tracker.on('backend-down', (error) => told.down.push(error));
  tracker.on('error', (error) => told.errors.push(error));
  tracker.on('backend-up', () => {
    told.up++;
  });
  return told;
}

/** In none of the forms that it travels in. */
function expectNoSecret(text: string, credentials: Credentials): void {
  const { password } = credentials;
  for (const secret of [password, encodeURIComponent(password), basic(credentials), basic(credentials).replace('Basic ', '')]) {
    expect(text.includes(secret), 'a secret is shown').toBe(false);
  }
}

/** Of the built package, in a process of its own, as a user's program is; all that it prints. */
async function programs(
  { username, password }: Credentials,
  uri: string,
): Promise<{ code: number | null; said: string; ms: number }> {
  const built = pathToFileURL(fileURLToPath(new URL('../../dist/src/index.js', import.meta.url))).href;
  const program = `
    import { inspect } from 'node:util';
    import { createTracker } from ${JSON.stringify(built)};
    const tracker = createTracker({ exitTimeoutMs: 2000 });
    for (const event of ['error', 'backend-down']) tracker.on(event, (error) => console.log('listener:', error));
    const run = tracker.startRun({ experiment: 'of a program', params: { lr: 0.1 } });
    run.logMetric('loss', 1);
    try {
      console.log('report:', await run.flush({ timeoutMs: 3000 }));
    } catch (error) {
      console.log('report:', error, error.report);
    }
    console.log(inspect([tracker, run, tracker.stats()], { depth: 20, showHidden: true }), JSON.stringify(tracker.stats()));
    console.error(await tracker.close({ timeoutMs: 1000 }).catch((error) => error));
  `;
  const start = performance.now();
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: place.folder,
    env: mlflowEnvironment({
      MLFLOW_TRACKING_URI: uri,
      MLFLOW_TRACKING_USERNAME: username,
      MLFLOW_TRACKING_PASSWORD: password,
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const killer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  // The event's own arguments.
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(killer);
  return { code, said, ms: performance.now() - start };
}

function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1000));
}
