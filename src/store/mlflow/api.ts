/** One call of MLflow's REST API: what is sent, and what an answer means. */
import { STATUS_CODES } from 'node:http';
import { createRequire } from 'node:module';
import type { Dispatcher } from 'undici';
import { VERSION } from '../../version.js';
import { type Busy, type Pulse, StoreBusyError } from '../store.js';
import { Connections } from './connections.js';
import type { ServerSettings } from './server-settings.js';

/**
 * MLflow's servers drop a connection that was idle for 5.0 s. One that is dropped while a request is on its
 * way to it fails that request, so ours go first.
 */
const IDLE_MS = 4000;

/** Undici's own default; a host that doesn't answer at all is told sooner than a slow answer. */
const CONNECT_MS = 10_000;

/** Credentials don't mend by themselves within seconds, and servers lock out who hammers them. */
const PERSON_MS = 30_000;

/** MLflow refused the call for good, or (413) something in between did. */
export class ApiRefusal extends Error {
  readonly status: number;
  readonly errorCode: string;

  constructor(status: number, errorCode: string, message: string) {
    super(message);
    this.status = status;
    this.errorCode = errorCode;
  }
}

/** No answer that settles it. */
export class ApiBusyError extends StoreBusyError {
  readonly status: number | undefined;
  /** The server may have done what was asked, or may do it yet. */
  readonly mayHaveLanded: boolean;
  /** The connection broke before an answer: nothing is known to be wrong with the server. */
  readonly reset: boolean;

  constructor(message: string, about: Busy & { status?: number; mayHaveLanded?: boolean; reset?: boolean }) {
    super(message, about);
    this.status = about.status;
    this.mayHaveLanded = about.mayHaveLanded ?? false;
    this.reset = about.reset ?? false;
  }
}

/** A JSON object of MLflow's. Fields that are empty are left out. */
export type Answer = Readonly<Record<string, unknown>>;

export class MlflowApi {
  private readonly server: ServerSettings;
  private readonly origin: string;
  private readonly prefix: string;
  private readonly headers: Record<string, string>;
  private connections: Connections | undefined;

  constructor(server: ServerSettings) {
    this.server = server;
    const { origin, pathname } = new URL(server.url);
    this.origin = origin;
    this.prefix = `${pathname.replace(/\/$/, '')}/api/2.0/mlflow/`;
    this.headers = {
      'user-agent': `headrace/${VERSION}`,
      ...(server.authorization === undefined ? {} : { authorization: server.authorization }),
      ...(server.workspace === undefined ? {} : { 'x-mlflow-workspace': server.workspace }),
      ...(server.organization === undefined ? {} : { 'x-databricks-org-id': server.organization }),
    };
  }

  /** Connects to nothing yet: MLflow 2's workers are blocked by a connection that sends no request. */
  open(pulse: Pulse): void {
    // Here and not above: a lane that writes to a file has no use for 15 MB of HTTP client. In one go: on a busy machine it
    // takes seconds, and a sign of life in the middle of it would make the rest look like death to a caller that waits.
    pulse.pause();
    const { Pool, ProxyAgent } = loadClient();
    pulse.beat();
    const { timeoutMs, connections, tls, proxy, keepAliveMs } = this.server;
    const secure = {
      rejectUnauthorized: tls.verify,
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.clientCertificate === undefined ? {} : { cert: tls.clientCertificate }),
      ...(tls.clientKey === undefined ? {} : { key: tls.clientKey }),
    };
    const connect = {
      timeout: Math.min(timeoutMs, CONNECT_MS),
      keepAlive: keepAliveMs !== undefined,
      ...(keepAliveMs === undefined ? {} : { keepAliveInitialDelay: keepAliveMs }),
    };
    const options = {
      connections: 1,
      // With several on one connection a reset leaves the outcome of all of them unknown.
      pipelining: 1,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    };
    this.connections = new Connections(connections, () =>
      proxy === undefined
        ? new Pool(this.origin, { ...options, connect: { ...secure, ...connect } })
        : // As Python's requests: a tunnel for https, plain forwarding for http.
          new ProxyAgent({
            ...options,
            uri: proxy,
            requestTls: secure,
            proxyTls: secure,
            proxyTunnel: this.origin.startsWith('https:'),
          }),
    );
  }

  /** What is on its way fails. */
  async close(): Promise<void> {
    const { connections } = this;
    this.connections = undefined;
    await connections?.destroy();
  }

  get(path: string, query: Readonly<Record<string, string>>): Promise<Answer> {
    return this.repeated(() => this.call('GET', `${path}?${new URLSearchParams(query).toString()}`, undefined));
  }

  /**
   * For what may be done twice. `body`: JSON text, because for a batch the order of fields and the spelling of
   * numbers matter. `onDoubt`: called when a try had no answer, so that the server may do it yet.
   */
  post(path: string, body: string, onDoubt?: () => void): Promise<Answer> {
    return this.repeated(() => this.call('POST', path, body), onDoubt);
  }

  /** For what makes another one each time. */
  postOnce(path: string, body: string): Promise<Answer> {
    return this.call('POST', path, body);
  }

  /** One broken connection tells nothing about the server: it may have been kept too long. The second try is at once. */
  private async repeated(call: () => Promise<Answer>, onDoubt?: () => void): Promise<Answer> {
    for (let again = false; ; again = true) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof ApiBusyError)) throw error;
        if (error.mayHaveLanded) onDoubt?.();
        if (!error.reset || again) throw error;
      }
    }
  }

  private async call(method: 'GET' | 'POST', path: string, body: string | undefined): Promise<Answer> {
    if (this.connections === undefined) throw new StoreBusyError('the connection is closed');
    let status: number;
    let headers: Dispatcher.ResponseData['headers'];
    let text: string;
    const request = {
      origin: this.origin,
      path: this.prefix + path,
      method,
      headers: body === undefined ? this.headers : { ...this.headers, 'content-type': 'application/json' },
      body: body ?? null,
    };
    try {
      [status, headers, text] = await this.connections.lend(async (connection) => {
        const response = await connection.request(request);
        return [response.statusCode, response.headers, await response.body.text()];
      });
    } catch (error) {
      throw this.unanswered(error);
    }
    return this.meaning(path, status, headers, text);
  }

  private meaning(path: string, status: number, headers: Dispatcher.ResponseData['headers'], text: string): Answer {
    const json = objectOf(text);
    // A login page has status 200 as well.
    if (status >= 200 && status < 300 && json !== undefined) return json;
    const errorCode = typeof json?.['error_code'] === 'string' ? json['error_code'] : undefined;
    const said = typeof json?.['message'] === 'string' ? json['message'] : firstLine(text);
    const reason = this.withoutSecrets(`${`${status} ${STATUS_CODES[status] ?? ''}`.trim()}${said === '' ? '' : `: ${said}`}`);

    if (status === 401) {
      throw this.needsPerson(
        'store',
        status,
        `${reason}; check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN`,
      );
    }
    if (status === 403) {
      if (/Invalid Host header|Cross-origin/i.test(said)) {
        throw this.needsPerson('store', status, `${reason}; start the server with --allowed-hosts for the name in the uri`);
      }
      throw this.needsPerson('run', status, `${reason}; these credentials have no permission for it (${withoutQuery(path)})`);
    }
    if (isTransient(status, errorCode)) {
      throw new ApiBusyError(reason, {
        status,
        retryAfterMs: this.server.respectRetryAfter ? retryAfter(headers['retry-after']) : undefined,
        // 429: turned away at the door.
        mayHaveLanded: status !== 429,
      });
    }
    if (errorCode !== undefined && errorCode !== 'ENDPOINT_NOT_FOUND') throw new ApiRefusal(status, errorCode, said);
    if (status === 413) throw new ApiRefusal(status, 'REQUEST_TOO_LARGE', reason);
    const location = headers['location'];
    const target = status >= 300 && status < 400 && typeof location === 'string' ? ` to ${this.withoutSecrets(location)}` : '';
    throw this.needsPerson('store', status, `${reason}${target}: not the answer of an MLflow tracking server; check the uri`);
  }

  private needsPerson(scope: 'store' | 'run', status: number, reason: string): ApiBusyError {
    return new ApiBusyError(reason, { scope, status, retryAfterMs: PERSON_MS, needsPerson: true });
  }

  private unanswered(error: unknown): ApiBusyError {
    const code = codeOf(error);
    const message = this.withoutSecrets(describe(error));
    if (/WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|HPE_INVALID/.test(code)) {
      const other = this.origin.startsWith('https:') ? 'http' : 'https';
      return new ApiBusyError(`${message}; perhaps the server speaks ${other}: check the uri`, {
        needsPerson: true,
        retryAfterMs: PERSON_MS,
      });
    }
    if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|^EPROTO$/.test(code)) {
      return new ApiBusyError(
        `${message}; for a certificate of your own set MLFLOW_TRACKING_SERVER_CERT_PATH, and MLFLOW_TRACKING_CLIENT_CERT_PATH if the server wants one`,
        { needsPerson: true, retryAfterMs: PERSON_MS },
      );
    }
    const neverSent = NEVER_SENT.has(code);
    return new ApiBusyError(message, { mayHaveLanded: !neverSent, reset: RESET.has(code) });
  }

  private withoutSecrets(text: string): string {
    return this.server.secrets.reduce((open, secret) => open.replaceAll(secret, '…'), text);
  }
}

/** JSON, but not what MLflow's API has there. */
export function notMlflow(path: string, answer: unknown): ApiBusyError {
  return new ApiBusyError(
    `${path} answered ${firstLine(JSON.stringify(answer) ?? '')}: not the answer of an MLflow tracking server; check the uri`,
    { needsPerson: true, retryAfterMs: PERSON_MS },
  );
}

/** Nothing of the request can have reached the server. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Also how a kept connection looks that the server dropped at the moment of our request. */
const RESET: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** MLflow's client retries 408, 429, 500, 502, 503, 504; gateways have more of their own (520 to 530). */
function isTransient(status: number, errorCode: string | undefined): boolean {
  if (status === 408 || status === 425 || status === 429 || errorCode === 'ABORTED') return true;
  return status >= 500 && errorCode !== 'NOT_IMPLEMENTED';
}

function objectOf(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    // An object that is no array has named fields.
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Answer) : undefined;
  } catch {
    return undefined;
  }
}

/** Seconds, or a date. */
function retryAfter(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined;
  if (/^\s*\d+(?:\.\d+)?\s*$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

/** Of a page: its first line, and its title, which says more. */
function firstLine(text: string): string {
  const line =
    text
      .split(/\r?\n/, 50)
      .find((each) => each.trim() !== '')
      ?.trim() ?? '';
  const title = /<title[^>]*>([^<]*)<\/title>/i.exec(text.slice(0, 10_000))?.[1]?.trim();
  const shown = line.length > 200 ? `${line.slice(0, 200)}…` : line;
  return title === undefined || title === '' || shown.includes(title) ? shown : `${shown} (${title.slice(0, 200)})`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Node leaves the message of an error for several addresses empty. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(describe).join(', ');
  const code = codeOf(error);
  // OpenSSL's are of several lines, and say it best in a field of their own.
  const reason = error instanceof Error && 'reason' in error && typeof error.reason === 'string' ? error.reason : undefined;
  const message = reason ?? (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');
  return code === '' || message.includes(code) ? message : `${message} (${code})`;
}

function withoutQuery(path: string): string {
  return path.replace(/\?.*$/s, '');
}

/** Of undici only these: all of it takes three times as long, in which the lane takes nothing from its ring (90 ms). */
function loadClient(): Pick<typeof import('undici'), 'Pool' | 'ProxyAgent'> {
  const load = createRequire(import.meta.url);
  try {
    // As its main file does.
    Object.assign(load('undici/lib/dispatcher/dispatcher.js').prototype, load('undici/lib/api/index.js'));
    return { Pool: load('undici/lib/dispatcher/pool.js'), ProxyAgent: load('undici/lib/dispatcher/proxy-agent.js') };
  } catch {
    // Another version may have them elsewhere.
    return load('undici');
  }
}
