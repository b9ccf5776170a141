/**
 * From the environment of the caller's process to what the worker needs to reach a server. MLflow's client is the
 * authority for names, order and defaults (3.17: utils/credentials.py, rest_utils.py, request_utils.py), and Python's
 * requests, which it sends with. docs/environment.md has it all in one table.
 */
import { OptionError, quote } from '../../errors.js';
import { inHome } from '../home.js';
import { type Environment, flag, integer, number, text } from '../variable.js';
import { tlsSettings } from './certificates.js';
import { basic, bearer, type Credentials, fitsHeader } from './credentials.js';
import type { DatabricksPlace } from './databricks.js';
import { forwardProxy } from './forward-proxy.js';
import { iniValue, readIniFile } from './ini-file.js';
import { netrcLogin } from './netrc-file.js';
import type { ServerAddress } from './server-address.js';
import { concealed, type ServerSettings, type TlsSettings } from './server-settings.js';

/** A tracking server at an `http(s)://` URI. */
export function serverSettings(address: ServerAddress, env: Environment, cwd: string): ServerSettings {
  refuseSigning(env);
  return settings(address.url, credentials(address, env), undefined, env, (used) => tlsSettings(env, cwd, used));
}

/** Databricks. MLflow's variables for credentials and certificates are not for it: Databricks' own SDK sends there. */
export function databricksSettings(place: DatabricksPlace, env: Environment, cwd: string): ServerSettings {
  return settings(place.url, place.credentials, place.organization, env, (used) =>
    tlsSettings({ REQUESTS_CA_BUNDLE: env['REQUESTS_CA_BUNDLE'], CURL_CA_BUNDLE: env['CURL_CA_BUNDLE'] }, cwd, used),
  );
}

function settings(
  url: string,
  who: Credentials | undefined,
  organization: string | undefined,
  env: Environment,
  tls: (used: boolean) => TlsSettings,
): ServerSettings {
  const proxy = forwardProxy(url, env);
  return concealed({
    url,
    authorization: who?.authorization,
    workspace: header('MLFLOW_WORKSPACE', text(env, 'MLFLOW_WORKSPACE')?.trim()),
    organization: header('DATABRICKS_WORKSPACE_ID', organization),
    tls: tls([url, proxy?.url].some((each) => each?.toLowerCase().startsWith('https:'))),
    proxy: proxy?.url,
    timeoutMs: 1000 * (number(env, 'MLFLOW_HTTP_REQUEST_TIMEOUT', SECONDS) ?? 120),
    connections: integer(env, 'MLFLOW_HTTP_POOL_MAXSIZE', { least: 1, most: 1000 }) ?? 10,
    respectRetryAfter: flag(env, 'MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER', true),
    keepAliveMs: flag(env, 'MLFLOW_HTTP_TCP_KEEPALIVE', true)
      ? 1000 * (integer(env, 'MLFLOW_HTTP_TCP_KEEPALIVE_IDLE', { ...SECONDS, least: 1 }) ?? 30)
      : undefined,
    secrets: [...new Set([...(who?.secrets ?? []), ...(proxy?.secrets ?? [])])],
  });
}

/** More milliseconds than 2^31 - 1 make a timer of Node's go off at once. */
const SECONDS = { least: 0.001, most: 2_147_483 };

function header(variable: string, value: string | undefined): string | undefined {
  if (value === undefined || value === '') return undefined;
  if (fitsHeader(value)) return value;
  throw new OptionError({ option: variable, received: quote(value), expected: 'a text that an HTTP header can hold' });
}

/** In the order of requests, for which the variables are only a header that was there before. */
function credentials(address: ServerAddress, env: Environment): Credentials | undefined {
  const login = netrcLogin(new URL(address.url).hostname.replace(/^\[|\]$/g, ''), env) ?? address.userinfo ?? mlflowLogin(env);
  if (login !== undefined) return basic(login);
  const token = text(env, 'MLFLOW_TRACKING_TOKEN');
  return token === undefined ? undefined : bearer(token, 'MLFLOW_TRACKING_TOKEN');
}

/** User and password each from the environment, else from `~/.mlflow/credentials`; one alone is none. */
function mlflowLogin(env: Environment): { user: string; password: string } | undefined {
  const userInEnv = text(env, 'MLFLOW_TRACKING_USERNAME');
  const passwordInEnv = text(env, 'MLFLOW_TRACKING_PASSWORD');
  const file =
    userInEnv !== undefined && passwordInEnv !== undefined ? undefined : readIniFile(inHome(env, '.mlflow', 'credentials'));
  const inFile = (option: string): string | undefined => (file === undefined ? undefined : iniValue(file, 'mlflow', option));
  const user = userInEnv ?? inFile('mlflow_tracking_username');
  const password = passwordInEnv ?? inFile('mlflow_tracking_password');
  return user && password ? { user, password } : undefined;
}

/** What replaces the Authorization header in MLflow's client. To go on without it would end in 401 for ever. */
function refuseSigning(env: Environment): void {
  if (flag(env, 'MLFLOW_TRACKING_AWS_SIGV4', false)) {
    throw new OptionError({
      option: 'MLFLOW_TRACKING_AWS_SIGV4',
      received: quote(env['MLFLOW_TRACKING_AWS_SIGV4'] ?? ''),
      expected:
        'no AWS signatures: headrace does not make them; unset it and log through a proxy that signs (aws-sigv4-proxy), or set MLFLOW_TRACKING_TOKEN or a user and password',
    });
  }
  const plugin = text(env, 'MLFLOW_TRACKING_AUTH');
  if (plugin !== undefined) {
    throw new OptionError({
      option: 'MLFLOW_TRACKING_AUTH',
      received: quote(plugin),
      expected:
        'no plugin: it would be Python code, which headrace cannot run; unset it, and set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD',
    });
  }
}

/** What the environment says of retries; each undefined where it says nothing. */
export interface RetryEnvironment {
  readonly retries: number | undefined;
  readonly minTimeout: number | undefined;
  readonly addedJitterMs: number | undefined;
}

/** A server that is away must not be hammered: MLflow's client stops after a few tries, headrace does not. */
const LEAST_PAUSE_MS = 50;

export function retryEnvironment(env: Environment): RetryEnvironment {
  const factor = number(env, 'MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR', { least: 0, most: SECONDS.most });
  const jitter = number(env, 'MLFLOW_HTTP_REQUEST_BACKOFF_JITTER', { least: 0, most: SECONDS.most });
  return {
    retries: integer(env, 'MLFLOW_HTTP_REQUEST_MAX_RETRIES', { least: 0, most: Number.MAX_SAFE_INTEGER }),
    minTimeout: factor === undefined ? undefined : Math.max(LEAST_PAUSE_MS, factor * 1000),
    addedJitterMs: jitter === undefined ? undefined : jitter * 1000,
  };
}
