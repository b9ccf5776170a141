/** Passwords and tokens are sent to the server, and are seen nowhere else: not even when it sends them back. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { FlushTimeoutError, type HeadraceError, type Tracker } from '../../src/index.js';
import { failureOf, until } from '../tracker/waiting.js';
import type { Answer } from './refusal.js';
import { Served } from './served.js';
import { useWarnings } from './warnings.js';

const PASSWORD = 'hunter@2';
const BASIC = Buffer.from(`ada:${PASSWORD}`).toString('base64');
const TOKEN = 'dapi-0123456789abcdef';
const SECRETS = /hunter|YWRhOmh1bnRlckAy|dapi-0123/;

const HTML = { 'content-type': 'text/html' };

const warnings = useWarnings();

afterEach(() => void vi.unstubAllEnvs());

/** All that a program, its log or its terminal gets to see of a tracker that can't land anything. */
async function everythingSeen(tracker: Tracker): Promise<string> {
  const seen: unknown[] = [];
  const down: HeadraceError[] = [];
  tracker.on('backend-down', (error) => void down.push(error));
  tracker.on('error', (error) => void seen.push(error));
  const run = tracker.startRun();
  const receipt = run.logParam('k', 1);
  await until('the event', () => down.length > 0);
  const timeout = await failureOf(FlushTimeoutError, tracker.flush({ timeoutMs: 50 }));
  seen.push(...down, timeout, timeout.report, receipt, run, tracker, tracker.stats());
  seen.push(await failureOf(FlushTimeoutError, tracker.close({ timeoutMs: 50 })));
  return [...seen, ...warnings.all()]
    .map((each) => {
      const { message, stack, cause } = each instanceof Error ? each : new Error();
      return [message, stack, inspect(cause), inspect(each, { depth: 12, showHidden: true })].join('\n');
    })
    .join('\n');
}

describe.each([
  ['refuses them', () => ({ status: 401, headers: HTML, body: 'You are not authenticated.' })],
  ['sends them back in a page', (sent: string) => ({ status: 404, headers: HTML, body: `<title>${sent} ${PASSWORD}</title>` })],
  [
    'sends them back in an error of MLflow’s form',
    (sent: string) => ({ status: 503, body: JSON.stringify({ error_code: 'X', message: sent }) }),
  ],
  [
    'sends them back in a redirection',
    (sent: string) => ({ status: 302, headers: { location: `http://127.0.0.1:1/?back=${sent}` }, body: '' }),
  ],
] as [string, (sent: string) => Partial<Answer>][])('a server that %s', (_case, answer) => {
  test('user and password of the uri', async () => {
    const served = await Served.start();
    served.fake.fault({}, { answer: answer(BASIC) }, Number.POSITIVE_INFINITY);
    const uri = served.fake.url.replace('//', `//ada:${encodeURIComponent(PASSWORD)}@`);
    const seen = await everythingSeen(served.tracker({ uri, durability: 'memory' }));
    expect(seen).toContain('HEADRACE_STORE_UNAVAILABLE');
    expect(seen).not.toMatch(SECRETS);
    expect(served.fake.seen[0]?.headers['authorization']).toBe(`Basic ${BASIC}`);
  });
});

test('a token of the environment is no more seen than a password', async () => {
  vi.stubEnv('MLFLOW_TRACKING_TOKEN', TOKEN);
  const served = await Served.start();
  served.fake.fault({}, { answer: { status: 404, headers: HTML, body: `<title>${TOKEN}</title>` } }, Number.POSITIVE_INFINITY);
  expect(await everythingSeen(served.tracker({ durability: 'memory' }))).not.toMatch(SECRETS);
  expect(served.fake.seen[0]?.headers['authorization']).toBe(`Bearer ${TOKEN}`);
});

test('a server that is not there: no secret in what is said of it', async () => {
  vi.stubEnv('MLFLOW_TRACKING_USERNAME', 'ada');
  vi.stubEnv('MLFLOW_TRACKING_PASSWORD', PASSWORD);
  const served = await Served.start();
  await served.fake.goDown();
  const seen = await everythingSeen(served.tracker({ durability: 'memory' }));
  expect(seen).toContain('ECONNREFUSED');
  expect(seen).not.toMatch(SECRETS);
});

test('what is kept on disk for a server that refuses them: no secret in any file of it', async () => {
  vi.stubEnv('MLFLOW_TRACKING_TOKEN', TOKEN);
  const served = await Served.start();
  const answer = { status: 401, headers: HTML, body: `<title>${BASIC} ${TOKEN}</title>` };
  served.fake.fault({}, { answer }, Number.POSITIVE_INFINITY);
  const tracker = served.tracker({ uri: served.fake.url.replace('//', `//ada:${encodeURIComponent(PASSWORD)}@`) });
  const run = tracker.startRun();
  run.logParam('kept', 'a value that is kept');
  const { journal, durable } = await run.end('FINISHED', { timeoutMs: 1000 });
  expect(durable).toBe(1);
  const files = readdirSync(served.journals, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const kept = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1')).join('\n');
  expect(kept).toContain('a value that is kept');
  expect([journal, ...files.map(({ parentPath, name }) => join(parentPath, name)), kept].join('\n')).not.toMatch(SECRETS);
});
