/** Variables and files that say how a server is reached: what they may hold, and what becomes of it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { OptionError } from '../../src/errors.js';
import { createTracker } from '../../src/index.js';
import { MlflowApi } from '../../src/store/mlflow/api.js';
import { loginFor } from '../../src/store/mlflow/netrc-file.js';
import type { ServerSettings } from '../../src/store/mlflow/server-settings.js';
import { parseStoreUri } from '../../src/store/uri.js';

const FIXTURES = fileURLToPath(new URL('./fixtures', import.meta.url));
const URI = 'https://mlflow.example';

const folder = mkdtempSync(join(tmpdir(), 'headrace-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Variables = Readonly<Record<string, string>>;

let homes = 0;

/** The variables of a user whose home folder holds these files. */
function userWith(files: Variables = {}): Variables {
  const home = join(folder, `home${++homes}`);
  mkdirSync(join(home, '.mlflow'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text);
  return { HOME: home, USERPROFILE: home };
}

const NOBODY = userWith();

function serverOf(env: Variables, uri: string = URI): ServerSettings {
  const location = parseStoreUri(uri, folder, { ...NOBODY, ...env });
  if (location.kind !== 'server') throw new Error(`${uri} is no server`);
  return location.server;
}

function refusal(env: Variables, uri: string = URI): OptionError {
  try {
    serverOf(env, uri);
  } catch (error) {
    if (error instanceof OptionError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(env)} was taken`);
}

/** A file in PEM form, made of fixtures. */
function pem(...names: string[]): string {
  const path = join(folder, `${names.join('-') || 'empty'}.pem`);
  writeFileSync(path, names.map((name) => readFileSync(join(FIXTURES, `${name}.pem`), 'utf8')).join(''));
  return path;
}

const certificate = pem('certificate');
const key = pem('key');
const pair = pem('key', 'certificate');
const garbage = join(folder, 'garbage.pem');
writeFileSync(garbage, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
const hashed = join(folder, 'hashed');
mkdirSync(hashed);
// The name that `openssl rehash` gives it.
symlinkSync(certificate, join(hashed, '83f1ca26.0'));
writeFileSync(join(hashed, 'other.pem'), readFileSync(garbage));
const unhashed = join(folder, 'unhashed');
mkdirSync(unhashed);
writeFileSync(join(unhashed, 'certificate.pem'), readFileSync(certificate));

describe('a bad value is told with the variable it stands in', () => {
  test.each<[variable: string, value: string, hint: string, more?: Variables]>([
    ['MLFLOW_TRACKING_INSECURE_TLS', 'yes', 'true, false, 1 or 0'],
    [
      'MLFLOW_TRACKING_INSECURE_TLS',
      'true',
      'MLFLOW_TRACKING_SERVER_CERT_PATH',
      { MLFLOW_TRACKING_SERVER_CERT_PATH: certificate },
    ],
    ['MLFLOW_TRACKING_SERVER_CERT_PATH', join(folder, 'gone.pem'), 'ENOENT'],
    ['MLFLOW_TRACKING_SERVER_CERT_PATH', key, 'a file without a certificate'],
    ['MLFLOW_TRACKING_SERVER_CERT_PATH', garbage, 'certificates in PEM form'],
    ['MLFLOW_TRACKING_SERVER_CERT_PATH', unhashed, 'openssl rehash'],
    ['REQUESTS_CA_BUNDLE', 'gone.pem', 'ENOENT'],
    ['CURL_CA_BUNDLE', 'gone.pem', 'ENOENT'],
    ['MLFLOW_TRACKING_CLIENT_CERT_PATH', 'gone.pem', 'ENOENT'],
    ['MLFLOW_TRACKING_CLIENT_CERT_PATH', folder, 'EISDIR'],
    ['MLFLOW_TRACKING_CLIENT_CERT_PATH', certificate, 'without a private key'],
    ['MLFLOW_TRACKING_CLIENT_CERT_PATH', key, 'without a certificate'],
    ['MLFLOW_TRACKING_CLIENT_CERT_PATH', pem('certificate', 'encrypted-key'), 'with a passphrase'],
    ['MLFLOW_TRACKING_CLIENT_CERT_PATH', pem('certificate', 'other-key'), 'of another certificate'],
    ['MLFLOW_TRACKING_AWS_SIGV4', 'true', 'headrace does not make them'],
    ['MLFLOW_TRACKING_AWS_SIGV4', 'maybe', 'true, false, 1 or 0'],
    ['MLFLOW_TRACKING_AUTH', 'kubernetes', 'MLFLOW_TRACKING_TOKEN'],
    ['MLFLOW_WORKSPACE', 'a\nb', 'an HTTP header'],
    ['MLFLOW_HTTP_REQUEST_TIMEOUT', '0', 'a number from 0.001'],
    ['MLFLOW_HTTP_REQUEST_TIMEOUT', '-1', 'a number'],
    ['MLFLOW_HTTP_REQUEST_TIMEOUT', '1e9', '2147483'],
    ['MLFLOW_HTTP_REQUEST_TIMEOUT', '2 min', 'a number'],
    ['MLFLOW_HTTP_POOL_MAXSIZE', '0', 'a whole number from 1'],
    ['MLFLOW_HTTP_POOL_MAXSIZE', '2.5', 'a whole number from 1'],
    ['MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER', 'on', 'true, false, 1 or 0'],
    ['MLFLOW_HTTP_TCP_KEEPALIVE', 'on', 'true, false, 1 or 0'],
    ['MLFLOW_HTTP_TCP_KEEPALIVE_IDLE', 'long', 'a whole number from 1'],
    ['HTTPS_PROXY', 'socks5://proxy:1080', 'no other kind'],
    ['all_proxy', 'http://pro xy:1', 'an HTTP proxy'],
  ])('%s=%s', (variable, value, hint, more = {}) => {
    const error = refusal({ [variable]: value, ...more });
    expect(error.option).toBe(variable);
    expect(error.received).toContain(JSON.stringify(value));
    expect(error.message).toContain(hint);
  });

  test.each([
    ['MLFLOW_HTTP_REQUEST_MAX_RETRIES', '-1'],
    ['MLFLOW_HTTP_REQUEST_MAX_RETRIES', 'many'],
    ['MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR', 'x'],
    ['MLFLOW_HTTP_REQUEST_BACKOFF_JITTER', '-0.5'],
  ])('%s=%s, which only a tracker reads', (variable, value) => {
    process.env[variable] = value;
    onTestFinished(() => void delete process.env[variable]);
    expect(() => createTracker({ uri: 'http://127.0.0.1:1' })).toThrow(`${variable}: got ${JSON.stringify(value)}`);
  });
});

test('an empty variable counts as a value', () => {
  const names = [
    'MLFLOW_TRACKING_USERNAME',
    'MLFLOW_TRACKING_PASSWORD',
    'MLFLOW_TRACKING_TOKEN',
    'MLFLOW_TRACKING_INSECURE_TLS',
    'MLFLOW_TRACKING_SERVER_CERT_PATH',
    'MLFLOW_TRACKING_CLIENT_CERT_PATH',
    'MLFLOW_TRACKING_AWS_SIGV4',
    'MLFLOW_TRACKING_AUTH',
    'MLFLOW_WORKSPACE',
    'MLFLOW_HTTP_REQUEST_TIMEOUT',
    'MLFLOW_HTTP_POOL_MAXSIZE',
    'MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER',
    'MLFLOW_HTTP_TCP_KEEPALIVE',
    'MLFLOW_HTTP_TCP_KEEPALIVE_IDLE',
    'REQUESTS_CA_BUNDLE',
    'CURL_CA_BUNDLE',
    'HTTPS_PROXY',
    'ALL_PROXY',
    'NO_PROXY',
    'NETRC',
  ];
  expect({ ...serverOf(Object.fromEntries(names.map((name) => [name, '']))) }).toEqual({ ...serverOf({}) });
});

test('without any variable something else than MLflow’s defaults is used', () => {
  expect({ ...serverOf({}) }).toEqual({
    url: URI,
    authorization: undefined,
    workspace: undefined,
    organization: undefined,
    tls: { verify: true, ca: undefined, clientCertificate: undefined, clientKey: undefined },
    proxy: undefined,
    timeoutMs: 120_000,
    connections: 10,
    respectRetryAfter: true,
    keepAliveMs: 30_000,
    secrets: [],
  });
});

test('seconds are taken for milliseconds', () => {
  const env = { MLFLOW_HTTP_REQUEST_TIMEOUT: '2.5', MLFLOW_HTTP_TCP_KEEPALIVE_IDLE: '7' };
  expect(serverOf(env)).toMatchObject({ timeoutMs: 2500, keepAliveMs: 7000 });
  expect(serverOf({ MLFLOW_HTTP_TCP_KEEPALIVE: 'false' }).keepAliveMs).toBeUndefined();
});

describe('certificates', () => {
  test('files of a folder are trusted that OpenSSL would not look at', () => {
    expect(serverOf({ MLFLOW_TRACKING_SERVER_CERT_PATH: hashed }).tls.ca).toBe(readFileSync(certificate, 'utf8').trim());
  });

  test('a path is taken from another folder than the program’s', () => {
    expect(serverOf({ MLFLOW_TRACKING_SERVER_CERT_PATH: 'certificate.pem' }).tls.ca).toContain('BEGIN CERTIFICATE');
  });

  test('the private key is sent along with the certificates', () => {
    const { tls } = serverOf({ MLFLOW_TRACKING_CLIENT_CERT_PATH: pair });
    expect(tls.clientCertificate).not.toContain('PRIVATE');
    expect(tls.clientKey).toMatch(/^-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----$/);
  });

  test('files that a plain http server has no use for are read', () => {
    const env = { MLFLOW_TRACKING_SERVER_CERT_PATH: 'gone', MLFLOW_TRACKING_CLIENT_CERT_PATH: 'gone', CURL_CA_BUNDLE: 'gone' };
    expect(serverOf(env, 'http://mlflow.example').tls.ca).toBeUndefined();
    // The way to the proxy is TLS.
    expect(refusal({ ...env, HTTP_PROXY: 'https://proxy:1' }, 'http://mlflow.example').option).toBe(
      'MLFLOW_TRACKING_SERVER_CERT_PATH',
    );
  });

  test('a server behind TLS is reached without the certificates and credentials that the variables give', async () => {
    let subject: unknown;
    let authorization: unknown;
    const identity = { cert: readFileSync(certificate), key: readFileSync(key) };
    const server = createServer(
      { ...identity, ca: identity.cert, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        // Every socket of an https server is one.
        subject = (request.socket as TLSSocket).getPeerCertificate().subject?.CN;
        authorization = request.headers.authorization;
        response.setHeader('content-type', 'application/json').end('{}');
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    // A TCP server's address is an object.
    const uri = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const ask = async (env: Variables): Promise<unknown> => {
      const api = new MlflowApi(serverOf(env, uri));
      api.open({ beat: () => undefined, pause: () => undefined });
      try {
        return await api.get('runs/get', { run_id: 'x' });
      } finally {
        await api.close();
      }
    };

    const trusting = { MLFLOW_TRACKING_SERVER_CERT_PATH: certificate };
    await ask({ ...trusting, MLFLOW_TRACKING_CLIENT_CERT_PATH: pair, MLFLOW_TRACKING_TOKEN: 'token' });
    expect([subject, authorization]).toEqual(['headrace test', 'Bearer token']);
    await ask({ MLFLOW_TRACKING_INSECURE_TLS: '1' });
    expect([subject, authorization]).toEqual([undefined, undefined]);
    await ask({ REQUESTS_CA_BUNDLE: hashed });
    await expect(ask({})).rejects.toThrow(/self[- ]signed/);
  });
});

describe('.netrc', () => {
  test.each<[netrc: string, login: [string, string] | undefined]>([
    ['machine mlflow.example login ada password pass', ['ada', 'pass']],
    [
      'machine other login x password y\nmachine mlflow.example\n\tlogin ada\n\tpassword "pass \\" word"\n',
      ['ada', 'pass " word'],
    ],
    ['machine mlflow.example user ada password pa\\ ss account z', ['ada', 'pa ss']],
    ['machine mlflow.example account acc password pass', ['acc', 'pass']],
    ['# a comment\nmachine mlflow.example # here\n login ada password p#ss', ['ada', 'p#ss']],
    [
      'macdef init\nmachine mlflow.example login no password no\n\nmachine mlflow.example login ada password pass',
      ['ada', 'pass'],
    ],
    ['default login anyone password pass', ['anyone', 'pass']],
    ['machine mlflow.example login ada password pass default login anyone password p', ['ada', 'pass']],
    ['machine other login x password y', undefined],
    ['machine mlflow.example', undefined],
    ['', undefined],
  ])('%j gives another login', (netrc, login) => {
    const found = loginFor('mlflow.example', netrc);
    expect(found === undefined ? undefined : [found.user, found.password]).toEqual(login);
  });

  test('a file that is none stops the program, or is half believed', () => {
    const broken = 'machine mlflow.example login ada password pass\nnonsense\n';
    expect(serverOf(userWith({ '.netrc': broken })).authorization).toBeUndefined();
    expect(serverOf({ NETRC: join(folder, 'gone') }).authorization).toBeUndefined();
    expect(serverOf({ NETRC: folder }).authorization).toBeUndefined();
  });
});

test('what a file cannot mean is told without a line of it', () => {
  const secret = 's3cret';
  for (const [text, hint] of [
    [`mlflow_tracking_password = ${secret}`, 'in no section'],
    [`[mlflow]\nmlflow_tracking_username = u\nmlflow_tracking_password = ${secret}%`, '%%'],
    [`[mlflow]\nmlflow_tracking_username = u\nmlflow_tracking_password = %(${secret})s`, 'not there'],
    [`[mlflow]\n${secret}`, 'line 2'],
    [`[mlflow]\na = ${secret}\na = ${secret}`, 'line 3'],
    [`[${secret}]\n[${secret}]`, 'line 2'],
  ] as const) {
    const error = refusal(userWith({ '.mlflow/credentials': text }));
    expect(error.option).toMatch(/credentials$/);
    expect(error.message).toContain(hint);
    expect(error.message).not.toContain(secret);
  }
});

describe('Databricks', () => {
  const host = { DATABRICKS_HOST: 'https://w.example' };

  test.each<[uri: string, env: Variables, option: string, hint: string]>([
    ['databricks', {}, 'uri', 'DATABRICKS_HOST and DATABRICKS_TOKEN'],
    ['databricks', host, 'uri', 'no token'],
    ['databricks', { ...host, DATABRICKS_CLIENT_ID: 'id', DATABRICKS_CLIENT_SECRET: 's3cret' }, 'uri', 'a personal access token'],
    ['databricks', { ...host, DATABRICKS_TOKEN: 's3cret', DATABRICKS_AUTH_TYPE: 'oauth-m2m' }, 'uri', '"oauth-m2m\\"'],
    ['databricks', { DATABRICKS_HOST: 'https://ada:s3cret@w.example', DATABRICKS_TOKEN: 't' }, 'DATABRICKS_HOST', 'not shown'],
    ['databricks', { DATABRICKS_HOST: 'https://w.example?o=7', DATABRICKS_TOKEN: 't' }, 'DATABRICKS_HOST', 'without a query'],
    ['databricks', { ...host, DATABRICKS_TOKEN: 's3cret\n' }, 'DATABRICKS_TOKEN', 'an HTTP header cannot hold'],
    ['databricks://gone', userWith({ '.databrickscfg': '[DEFAULT]\nhost = a\n[b]\nhost = b' }), 'uri', 'which has DEFAULT, b'],
    [
      'databricks',
      { ...userWith({ '.databrickscfg': '' }), DATABRICKS_CONFIG_PROFILE: 'p' },
      'DATABRICKS_CONFIG_PROFILE',
      'has none',
    ],
    [
      'databricks://b',
      userWith({ '.databrickscfg': '[b]\nhost = b.example\ntoken = s3cret–' }),
      'token of profile b',
      'an HTTP header',
    ],
  ])('%s with %j is not told what is missing', (uri, env, option, hint) => {
    const error = refusal(env, uri);
    expect(error.option).toContain(option);
    expect(error.message).toContain(hint.replace('\\"', '"'));
    expect(error.message).not.toContain('s3cret');
  });

  test('MLflow’s credentials and certificates go to Databricks', () => {
    const env = {
      ...host,
      DATABRICKS_TOKEN: 'token',
      MLFLOW_TRACKING_USERNAME: 'ada',
      MLFLOW_TRACKING_PASSWORD: 'pass',
      MLFLOW_TRACKING_INSECURE_TLS: '1',
      MLFLOW_TRACKING_CLIENT_CERT_PATH: pair,
      MLFLOW_TRACKING_AUTH: 'plugin',
    };
    expect(serverOf(env, 'databricks')).toMatchObject({
      authorization: 'Bearer token',
      tls: { verify: true, clientCertificate: undefined },
    });
  });
});

describe('secrets', () => {
  const SECRETS: Variables = {
    MLFLOW_TRACKING_USERNAME: 'ada',
    MLFLOW_TRACKING_PASSWORD: 'pa55word',
    MLFLOW_TRACKING_TOKEN: 't0ken',
    DATABRICKS_HOST: 'https://w.example',
    DATABRICKS_TOKEN: 'dapi-t0ken',
    DATABRICKS_PASSWORD: 'pa55word',
    HTTPS_PROXY: 'http://ada:pr0xy-pa55word@proxy:1',
  };
  const encoded = ['ada:pa55word', 'ada:uri-pa55word', 'ada:pr0xy-pa55word', ':pa55word'].map((text) =>
    Buffer.from(text).toString('base64'),
  );
  const SECRET = new RegExp(['pa55word', 't0ken', ...encoded].join('|'));
  const URIS = ['https://mlflow.example', 'https://ada:uri-pa55word@mlflow.example', 'databricks'];

  test('a password is in an error, or in what is printed of it', () => {
    const wrong: Variables[] = [
      { MLFLOW_TRACKING_TOKEN: 't0ken\n', MLFLOW_TRACKING_PASSWORD: '' },
      { DATABRICKS_TOKEN: 't0ken–' },
      { MLFLOW_TRACKING_INSECURE_TLS: 'x' },
      { MLFLOW_TRACKING_SERVER_CERT_PATH: 'gone' },
      { REQUESTS_CA_BUNDLE: 'gone' },
      { MLFLOW_TRACKING_CLIENT_CERT_PATH: pem('certificate', 'other-key') },
      { MLFLOW_TRACKING_AUTH: 'x' },
      { MLFLOW_TRACKING_AWS_SIGV4: '1' },
      { MLFLOW_WORKSPACE: 'a\nb' },
      { MLFLOW_HTTP_REQUEST_TIMEOUT: 'x' },
      { MLFLOW_HTTP_POOL_MAXSIZE: 'x' },
      { HTTPS_PROXY: 'socks5://ada:pr0xy-pa55word@proxy:1' },
      { HTTPS_PROXY: 'http://ada:pr0xy-pa55word@proxy:port' },
      { HTTPS_PROXY: 'ada:pr0xy-pa55word@proxy:port' },
      { DATABRICKS_HOST: 'https://ada:pa55word@w.example' },
      { DATABRICKS_HOST: 'w.example?token=pa55word' },
      { DATABRICKS_AUTH_TYPE: 'oauth' },
      { ...userWith({ '.mlflow/credentials': 'pa55word' }), MLFLOW_TRACKING_PASSWORD: '' },
      { ...userWith({ '.databrickscfg': 'token = t0ken' }), DATABRICKS_HOST: '', DATABRICKS_TOKEN: '', DATABRICKS_PASSWORD: '' },
    ];
    const uris = [...URIS, 'https://ada:uri-pa55word@host?x', 'https://ada:uri-pa55word', 'https://ada:1/pa55word@host'];
    const refused = new Set<Variables>();
    for (const uri of uris) {
      for (const each of wrong) {
        let thrown: unknown;
        try {
          serverOf({ ...SECRETS, ...each }, uri);
        } catch (error) {
          thrown = error;
        }
        if (thrown === undefined) continue;
        expect(thrown).toBeInstanceOf(OptionError);
        refused.add(each);
        expect(`${JSON.stringify(thrown)} ${inspect(thrown, { depth: 9, showHidden: true })}`).not.toMatch(SECRET);
      }
    }
    expect(wrong.filter((each) => !refused.has(each))).toEqual([]);
  });

  test.each(URIS)('a password is in what is printed of the settings for %s', (uri) => {
    const location = parseStoreUri(uri, folder, { ...NOBODY, ...SECRETS });
    expect(`${JSON.stringify(location)} ${inspect(location, { depth: 9 })} ${location.display}`).not.toMatch(SECRET);
  });

  test('a password is in what is printed of a tracker', async () => {
    const tracker = createTracker({ uri: 'http://ada:uri-pa55word@127.0.0.1:1' });
    const run = tracker.startRun();
    expect(inspect([tracker, run], { depth: 20 })).not.toMatch(SECRET);
    await tracker.close({ timeoutMs: 0, throwOnFailure: false }).catch(() => undefined);
  });

  test('the settings lose something on their way to the worker', () => {
    const server = serverOf(SECRETS);
    expect(structuredClone(server)).toEqual({ ...server });
    expect(Object.keys(structuredClone(server))).toContain('authorization');
  });

  test('a server that sends a secret back finds it unknown', () => {
    expect(serverOf(SECRETS).secrets).toEqual(
      expect.arrayContaining(['pa55word', encoded[0], 'pr0xy-pa55word', 'ada:pr0xy-pa55word', encoded[2]]),
    );
    expect(serverOf(SECRETS, 'https://ada:uri-pa55word@mlflow.example').secrets).toEqual(
      expect.arrayContaining(['uri-pa55word', encoded[1]]),
    );
    expect(serverOf(SECRETS, 'databricks').secrets).toContain('dapi-t0ken');
    expect(serverOf({ MLFLOW_TRACKING_TOKEN: 't0ken' }).secrets).toEqual(['t0ken']);
  });
});

test('a program that logs into a file, or not at all, fails for variables of a server', async () => {
  const wrong = {
    MLFLOW_TRACKING_INSECURE_TLS: 'x',
    MLFLOW_TRACKING_AUTH: 'x',
    MLFLOW_HTTP_REQUEST_TIMEOUT: 'x',
    MLFLOW_HTTP_REQUEST_MAX_RETRIES: 'x',
    MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR: 'x',
    HTTPS_PROXY: 'socks5://x',
    REQUESTS_CA_BUNDLE: 'gone',
  };
  const before = { ...process.env };
  Object.assign(process.env, wrong);
  onTestFinished(() => {
    for (const name of Object.keys(wrong)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });
  await createTracker({ uri: `sqlite:///${join(folder, 'a.db')}` }).close();
  await createTracker({ uri: URI, enabled: false }).close();
  expect(() => createTracker({ uri: URI })).toThrow(OptionError);
});
