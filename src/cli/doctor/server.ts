import { request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { ApiRefusal, MlflowApi } from '../../store/mlflow/api.js';
import type { ServerSettings } from '../../store/mlflow/server-settings.js';
import type { Pulse } from '../../store/store.js';
import type { ServerLocation } from '../../store/uri.js';
import { number, plain } from '../words.js';
import { clock } from './clock.js';
import { type Finding, note, ok, todo } from './finding.js';

/** Whoever asks how a server is does not wait as long as a training would. */
const PATIENCE_MS = 10_000;

const SLOW_MS = 1000;

const unwatched: Pulse = { beat: () => undefined, pause: () => undefined };

export async function server({ server: settings, display }: ServerLocation): Promise<Finding[]> {
  const hurried = { ...settings, timeoutMs: Math.min(settings.timeoutMs, PATIENCE_MS) };
  const reached = await reach(hurried, display);
  if (reached.state === 'todo') return [reached];
  if (settings.proxy !== undefined) return [reached, note('the clock is not compared: a proxy is in between')];
  return [reached, ...(await greet(hurried))];
}

async function reach(settings: ServerSettings, display: string): Promise<Finding> {
  const api = new MlflowApi(settings);
  api.open(unwatched);
  try {
    await ask(api);
    // The first one had a connection to make.
    const start = performance.now();
    await ask(api);
    const took = performance.now() - start;
    const what = `${display} answers in ${number(Math.round(took))} ms`;
    const who = settings.authorization === undefined ? 'without credentials' : 'with credentials';
    return took > SLOW_MS ? note(`${what}, ${who}: records wait in a journal meanwhile`) : ok(`${what}, ${who}`);
  } catch (error) {
    return todo(
      `${display}: ${plain(error instanceof Error ? error.message : String(error))}`,
      'check the uri, the server and the network',
    );
  } finally {
    await api.close();
  }
}

/** A question that any MLflow answers, and that needs to be let in. */
async function ask(api: MlflowApi): Promise<void> {
  try {
    await api.get('experiments/get', { experiment_id: '0' });
  } catch (error) {
    // It may have been deleted, and Databricks has none: that is an answer.
    if (!(error instanceof ApiRefusal)) throw error;
  }
}

/** Which version it is, if it says so, and what time it has. */
async function greet(settings: ServerSettings): Promise<Finding[]> {
  const sent = Date.now();
  const answer = await version(settings).catch(() => undefined);
  if (answer === undefined) return [];
  const found: Finding[] = [];
  if (/^\d+\.\d+\.[\w.]+$/.test(answer.body.trim())) found.push(ok(`MLflow ${answer.body.trim()}`));
  // The answer was made half-way, in the middle of the second that it names.
  const theirs = Date.parse(answer.date) + 500;
  const apart = theirs - (sent + Date.now()) / 2;
  if (!Number.isNaN(apart)) found.push(clock(apart));
  return found;
}

function version(settings: ServerSettings): Promise<{ readonly body: string; readonly date: string }> {
  const { url, authorization, tls, timeoutMs } = settings;
  const request = url.startsWith('https:') ? requestSecure : requestPlain;
  const secure = {
    rejectUnauthorized: tls.verify,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.clientCertificate === undefined ? {} : { cert: tls.clientCertificate }),
    ...(tls.clientKey === undefined ? {} : { key: tls.clientKey }),
  };
  const headers = authorization === undefined ? {} : { authorization };
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}/version`,
      { ...secure, headers, agent: false, signal: AbortSignal.timeout(timeoutMs) },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body = (body + text).slice(0, 1000);
        });
        response.on('error', reject).on('end', () => resolve({ body, date: response.headers.date ?? '' }));
      },
    );
    sent.on('error', reject).end();
  });
}
