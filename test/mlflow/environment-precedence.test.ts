/** The same environment, read by MLflow's own client and by headrace: who wins, and what is sent. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OptionError } from '../../src/errors.js';
import { parseStoreUri } from '../../src/store/uri.js';
import { mlflowEnvironment, pythonOf } from './mlflow-versions.js';

const PROBE = fileURLToPath(new URL('./python/environment_probe.py', import.meta.url));
const FIXTURES = fileURLToPath(new URL('../server/fixtures', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'headrace-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Case {
  readonly uri: string;
  readonly env: Readonly<Record<string, string>>;
}

let homes = 0;

/** A home folder with these files. */
function home(files: Readonly<Record<string, string>> = {}): string {
  const path = join(folder, `home${++homes}`);
  mkdirSync(join(path, '.mlflow'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

/** What the probe answers. */
type Told = Readonly<Record<string, unknown>>;

async function askPython(cases: readonly Case[]): Promise<readonly Told[]> {
  const asked = promisify(execFile)(await pythonOf(), [PROBE], { env: mlflowEnvironment(), maxBuffer: 2 ** 28 });
  asked.child.stdin?.end(JSON.stringify(cases));
  // Made by the probe.
  return JSON.parse((await asked).stdout) as Told[];
}

const REFUSED = { refused: true };

/** What headrace makes of it, in one shape with `pythons`. */
function ours({ uri, env }: Case): Told {
  let location: ReturnType<typeof parseStoreUri>;
  try {
    location = parseStoreUri(uri, folder, env);
  } catch (error) {
    if (error instanceof OptionError) return REFUSED;
    throw error;
  }
  if (location.kind !== 'server') throw new Error(`${uri} is no server`);
  const { url, authorization, organization, workspace, proxy, tls, timeoutMs, connections, respectRetryAfter } = location.server;
  if (uri.startsWith('databricks')) return { url, authorization, organization };
  return {
    url,
    authorization,
    workspace,
    proxy,
    verify: tls.ca?.trim() ?? tls.verify,
    certificate: tls.clientCertificate?.trim(),
    timeoutMs,
    connections,
    respectRetryAfter,
  };
}

function pythons({ uri }: Case, told: Told): Told {
  if (told['error'] !== undefined) return REFUSED;
  const texts = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  const authorization = texts(told['authorization']);
  if (uri.startsWith('databricks')) {
    return { url: told['host'], authorization, organization: texts(told['organization']) };
  }
  // What requests takes for credentials stays in its address until the request is written.
  const url = texts(told['url'])
    ?.replace(/\/call$/, '')
    .replace(/\/\/[^/]*@/, '//');
  const secure = url?.startsWith('https:');
  const [verify, cert, proxy] = [texts(told['verify']), texts(told['cert']), texts(told['proxy'])];
  return {
    url,
    authorization,
    workspace: texts(told['workspace']),
    // urllib3 adds the scheme where it connects.
    proxy: proxy === undefined || proxy.includes('://') ? proxy : `http://${proxy}`,
    // Nothing of the rest is used on the way to an http address, and headrace doesn't read it there.
    verify: !secure ? true : verify === undefined ? told['verify'] : readFileSync(verify, 'utf8').trim(),
    // `pair` is this certificate and its key.
    certificate: secure && cert === pair ? readFileSync(certificate, 'utf8').trim() : undefined,
    timeoutMs: Number(told['timeout']) * 1000,
    connections: told['connections'],
    respectRetryAfter: told['respect'],
  };
}

const tables: { readonly failure: string; readonly cases: readonly Case[] }[] = [];

/** One question for all tables: importing MLflow takes seconds. */
function table(failure: string, cases: () => readonly Case[]): void {
  tables.push({ failure, cases: cases() });
}

const certificate = join(FIXTURES, 'certificate.pem');
const pair = join(folder, 'pair.pem');
writeFileSync(pair, readFileSync(certificate, 'utf8') + readFileSync(join(FIXTURES, 'key.pem'), 'utf8'));

const FILE = '[mlflow]\nmlflow_tracking_username = file-user\nmlflow_tracking_password = file-password\n';
const USER = { MLFLOW_TRACKING_USERNAME: 'user' };
const PASSWORD = { MLFLOW_TRACKING_PASSWORD: 'password' };
const TOKEN = { MLFLOW_TRACKING_TOKEN: 'token' };
const URI = 'https://mlflow.example:8443/prefix';

table('one of two credentials wins in headrace and the other in MLflow', () => {
  const withFile = { HOME: home({ '.mlflow/credentials': FILE }) };
  const without = { HOME: home() };
  const netrc = { HOME: home({ '.netrc': 'machine mlflow.example login netrc-user password "netrc password"' }) };
  return [
    { uri: URI, env: without },
    { uri: `${URI}/`, env: { ...without, ...TOKEN } },
    { uri: URI, env: { ...without, ...USER, ...PASSWORD, ...TOKEN } },
    { uri: URI, env: { ...without, ...USER, ...TOKEN } },
    { uri: URI, env: { ...without, ...PASSWORD } },
    { uri: URI, env: { ...without, ...USER, MLFLOW_TRACKING_PASSWORD: '', ...TOKEN } },
    { uri: URI, env: { ...without, MLFLOW_TRACKING_USERNAME: 'größe', MLFLOW_TRACKING_PASSWORD: '学习:率' } },
    { uri: URI, env: withFile },
    { uri: URI, env: { ...withFile, ...TOKEN } },
    { uri: URI, env: { ...withFile, ...USER } },
    { uri: URI, env: { ...withFile, ...PASSWORD } },
    { uri: URI, env: { ...withFile, ...USER, ...PASSWORD } },
    { uri: 'https://ada:of%20uri@mlflow.example', env: { ...withFile, ...USER, ...PASSWORD, ...TOKEN } },
    { uri: 'https://ada@mlflow.example', env: { ...without, ...TOKEN } },
    { uri: 'https://ada:@mlflow.example', env: { ...without, ...TOKEN } },
    { uri: 'https://:of-uri@mlflow.example', env: without },
    { uri: 'https://ada:100%@mlflow.example', env: without },
    { uri: 'https://ada:100%25%40@mlflow.example', env: without },
    { uri: URI, env: { ...netrc, ...USER, ...PASSWORD } },
    { uri: URI, env: { ...netrc, ...TOKEN } },
    { uri: 'https://ada:of-uri@mlflow.example', env: netrc },
    { uri: 'https://elsewhere.example', env: { ...netrc, ...TOKEN } },
  ];
});

table('a token is sent that the variable does not hold, or one that a header cannot hold', () => {
  const env = { HOME: home() };
  return ['token', ' token ', 'tök', 'a\ttab', 'line\n', 'two\nlines', 'cr\r'].map((value) => ({
    uri: URI,
    env: { ...env, MLFLOW_TRACKING_TOKEN: value },
  }));
});

table('the credentials file is read by other rules than configparser’s', () => {
  const user = 'mlflow_tracking_username = user\n';
  return [
    `[mlflow]\n${user}mlflow_tracking_password = a b ; no comment # here\n`,
    `[mlflow]\n${user}MLflow_Tracking_Password: with:colon=and equals\n`,
    `[mlflow]\n${user}mlflow_tracking_password=first\n  second\n\n  third\n`,
    `[mlflow]\n${user}# comment\n; comment\n   # comment\nmlflow_tracking_password = p\n`,
    `[mlflow]\n${user}mlflow_tracking_password = first\n# between\n  second\n`,
    `[mlflow]\n${user}mlflow_tracking_password = 100%%\n`,
    `[mlflow]\n${user}mlflow_tracking_password = 100%\n`,
    `[mlflow]\n${user}mlflow_tracking_password = %(word)s-%(WORD)s\nword = w%%\n`,
    `[mlflow]\n${user}mlflow_tracking_password = %(gone)s\n`,
    `[mlflow]\n${user}mlflow_tracking_password = %(mlflow_tracking_password)s\n`,
    `[mlflow]\n${user}mlflow_tracking_password = %(word\n`,
    `[DEFAULT]\nmlflow_tracking_password = default\n[mlflow]\n${user}`,
    `[DEFAULT]\n${user}mlflow_tracking_password = default\n`,
    `[other]\n${user}mlflow_tracking_password = p\n`,
    `[MLFLOW]\n${user}mlflow_tracking_password = p\n`,
    `[mlflow] # comment\n${user}mlflow_tracking_password = p\n`,
    `${user}mlflow_tracking_password = p\n`,
    `[mlflow]\n${user}mlflow_tracking_password\n`,
    `[mlflow]\n${user}mlflow_tracking_password =\n`,
    `[mlflow]\n${user}= p\n`,
    `[mlflow]\n${user}mlflow_tracking_password = p\nmlflow_tracking_password = q\n`,
    `[mlflow]\n${user}[mlflow]\nmlflow_tracking_password = p\n`,
    `[mlflow]\r\nmlflow_tracking_username = user\r\nmlflow_tracking_password = p\r\n`,
    `  [mlflow]\n  mlflow_tracking_username = user\n  mlflow_tracking_password = p\n`,
    `[mlflow]\n${user}mlflow_tracking_password = größe\n`,
    '',
  ].map((text) => ({ uri: URI, env: { HOME: home({ '.mlflow/credentials': text }) } }));
});

table('TLS is checked against another list, or not at all', () => {
  const env = { HOME: home() };
  const server = { MLFLOW_TRACKING_SERVER_CERT_PATH: certificate };
  const insecure = { MLFLOW_TRACKING_INSECURE_TLS: 'true' };
  const requests = { REQUESTS_CA_BUNDLE: certificate };
  return [
    server,
    insecure,
    requests,
    { CURL_CA_BUNDLE: certificate },
    { ...requests, CURL_CA_BUNDLE: pair },
    { ...insecure, ...requests },
    { ...server, REQUESTS_CA_BUNDLE: pair },
    { ...server, MLFLOW_TRACKING_INSECURE_TLS: 'FALSE' },
    { ...server, ...insecure },
    { MLFLOW_TRACKING_INSECURE_TLS: '1' },
    { MLFLOW_TRACKING_INSECURE_TLS: 'yes' },
    { MLFLOW_TRACKING_CLIENT_CERT_PATH: pair },
  ].flatMap((more) => [URI, 'http://mlflow.example'].map((uri) => ({ uri, env: { ...env, ...more } })));
});

table('a request takes another way than the one of Python’s requests', () => {
  const env = { HOME: home() };
  const one = (options: fc.Arbitrary<string>): fc.Arbitrary<string | undefined> => fc.option(options, { nil: undefined });
  const proxy = fc.constantFrom('http://proxy:1', 'proxy:2', 'http://user:pass@proxy:3', '');
  const except = fc.constantFrom(
    '*',
    'mlflow.example',
    '.example',
    'example',
    'low.example',
    'MLFLOW.example',
    ' mlflow.example , other',
    'mlflow.example:8443',
    'other',
    'localhost',
    '10.1.2.3',
    '10.1.0.0/16',
    '10.0.0.0/0',
    '10.1.2.3/33',
    '2.3',
    '::1',
  );
  const variables = fc.record({
    http_proxy: one(proxy),
    HTTP_PROXY: one(proxy),
    https_proxy: one(proxy),
    HTTPS_PROXY: one(proxy),
    all_proxy: one(proxy),
    ALL_PROXY: one(proxy),
    REQUEST_METHOD: one(fc.constant('GET')),
    no_proxy: one(except),
    NO_PROXY: one(fc.array(except, { maxLength: 3 }).map((names) => names.join(','))),
  });
  const hosts = [
    'https://mlflow.example:8443',
    'http://mlflow.example',
    'http://10.1.2.3:5000',
    'https://[::1]:5000',
    'http://localhost:5000',
  ];
  const cases = fc.sample(fc.tuple(fc.constantFrom(...hosts), variables), { numRuns: 2000, seed: 20_261_123 });
  return cases.map(([uri, more]) => {
    const set = Object.entries(more).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
    return { uri, env: { ...env, ...Object.fromEntries(set) } };
  });
});

table('a number or a word that MLflow takes is taken otherwise', () => {
  const env = { HOME: home() };
  return [
    ['MLFLOW_HTTP_REQUEST_TIMEOUT', '30'],
    ['MLFLOW_HTTP_REQUEST_TIMEOUT', ' 30 '],
    ['MLFLOW_HTTP_REQUEST_TIMEOUT', '+30'],
    ['MLFLOW_HTTP_REQUEST_TIMEOUT', '30s'],
    ['MLFLOW_HTTP_REQUEST_TIMEOUT', '0x10'],
    ['MLFLOW_HTTP_POOL_MAXSIZE', '3'],
    ['MLFLOW_HTTP_POOL_MAXSIZE', '3.5'],
    ['MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER', 'False'],
    ['MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER', '0'],
    ['MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER', 'no'],
    ['MLFLOW_WORKSPACE', ' team '],
    ['MLFLOW_WORKSPACE', '  '],
    ['MLFLOW_WORKSPACE', 'größe'],
  ].map(([name, value]) => ({ uri: URI, env: { ...env, [name ?? '']: value ?? '' } }));
});

table('Databricks: the request goes to another workspace, or with another token', () => {
  const profiles = [
    '[DEFAULT]\nhost = default.example\ntoken = default-token\nworkspace_id = 7\n',
    '[prod]\nhost = https://prod.example/\ntoken = prod%token\n',
    '[half]\nhost = https://half.example\n',
    '[user]\nhost = https://user.example\nusername = ada\npassword = pass\n',
    '[cli]\nhost = https://cli.example\nauth_type = databricks-cli\n',
  ].join('\n');
  const env = { HOME: home({ '.databrickscfg': profiles }) };
  const chosen = { HOME: home({ '.databrickscfg': `${profiles}\n[__settings__]\ndefault_profile = prod\n` }) };
  const elsewhere = {
    HOME: home({ 'other.cfg': '[DEFAULT]\nhost = other.example\ntoken = other\n' }),
    DATABRICKS_CONFIG_FILE: '~/other.cfg',
  };
  const host = { DATABRICKS_HOST: 'https://env.example:443' };
  const token = { DATABRICKS_TOKEN: 'env-token' };
  return [
    { uri: 'databricks', env },
    { uri: 'databricks', env: { ...env, ...host, ...token } },
    { uri: 'databricks', env: { ...env, ...host } },
    { uri: 'databricks', env: { ...env, ...token } },
    { uri: 'databricks', env: { HOME: home(), ...host, ...token, DATABRICKS_WORKSPACE_ID: '9' } },
    { uri: 'databricks', env: { HOME: home() } },
    { uri: 'databricks', env: chosen },
    { uri: 'databricks', env: elsewhere },
    { uri: 'databricks', env: { ...env, DATABRICKS_CONFIG_PROFILE: 'prod' } },
    { uri: 'databricks', env: { ...env, DATABRICKS_CONFIG_PROFILE: 'gone' } },
    { uri: 'databricks://prod', env },
    { uri: 'databricks://prod', env: { ...env, DATABRICKS_CONFIG_PROFILE: 'half' } },
    { uri: 'databricks://prod', env: { ...env, ...host, ...token } },
    { uri: 'databricks://prod', env: { ...env, ...token } },
    { uri: 'databricks://half', env },
    { uri: 'databricks://half', env: { ...env, ...token } },
    { uri: 'databricks://user', env },
    { uri: 'databricks://DEFAULT', env },
    { uri: 'databricks://gone', env },
    { uri: 'databricks://gone', env: { HOME: home(), ...host, ...token } },
    { uri: 'databricks', env: { HOME: home(), ...host, DATABRICKS_USERNAME: 'ada', DATABRICKS_PASSWORD: 'pass' } },
    { uri: 'databricks', env: { HOME: home(), ...host, ...token, DATABRICKS_AUTH_TYPE: 'pat' } },
    { uri: 'databricks', env: { HOME: home(), ...host, ...token, DATABRICKS_AUTH_TYPE: 'basic' } },
  ];
});

let answers: readonly Told[] = [];
beforeAll(async () => {
  answers = await askPython(tables.flatMap(({ cases }) => cases));
});

for (const [i, { failure, cases }] of tables.entries()) {
  test(`${failure} (${cases.length} cases)`, () => {
    const start = tables.slice(0, i).reduce((sum, { cases: before }) => sum + before.length, 0);
    const told = answers.slice(start, start + cases.length);
    expect(told).toHaveLength(cases.length);
    const differing = cases
      .map((each, at) => ({ case: each, ours: ours(each), mlflow: pythons(each, told[at] ?? {}) }))
      .filter((each) => JSON.stringify(each.ours) !== JSON.stringify(each.mlflow));
    expect(differing.slice(0, 3)).toEqual([]);
  });
}
