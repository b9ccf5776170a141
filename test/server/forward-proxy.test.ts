/** A network that lets nobody out but through a proxy. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { newRun } from '../store/calls.js';
import { LANDED, param } from './items.js';
import { Served } from './served.js';

interface Proxy {
  readonly url: string;
  /** Method and target of each request. */
  readonly seen: string[];
  /** The Proxy-Authorization headers. */
  readonly credentials: Set<string | undefined>;
}

/** Forwards plain requests and opens tunnels, to whatever address it is asked for. */
async function startProxy(): Promise<Proxy> {
  const seen: string[] = [];
  const credentials = new Set<string | undefined>();
  const server = createServer((incoming, outgoing) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    credentials.add(incoming.headers['proxy-authorization']);
    const { method, headers } = incoming;
    const onward = request(incoming.url ?? '', { ...(method === undefined ? {} : { method }), headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  server.on('connect', (incoming, socket) => {
    seen.push(`CONNECT ${incoming.url}`);
    credentials.add(incoming.headers['proxy-authorization']);
    const [host, port] = (incoming.url ?? '').split(':');
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [socket, onward]) end.on('error', () => [socket, onward].forEach((each) => void each.destroy()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo; // it listens on a port
  return { url: `http://ada:hunter2@127.0.0.1:${port}`, seen, credentials };
}

test('a server behind a proxy is not reached past it', async () => {
  const served = await Served.start();
  const proxy = await startProxy();
  const store = await served.store({ proxy: proxy.url });
  const runId = await store.createRun(newRun());
  expect(await store.land({ runId, items: [param('k', '1')] })).toEqual([LANDED]);
  expect(served.params(runId)).toEqual({ k: '1' });
  const api = `${served.fake.url}/api/2.0/mlflow`;
  expect(proxy.seen).toEqual([
    `GET ${api}/experiments/get?experiment_id=0`,
    `POST ${api}/runs/create`,
    `POST ${api}/runs/log-batch`,
  ]);
  expect([...proxy.credentials]).toEqual([`Basic ${Buffer.from('ada:hunter2').toString('base64')}`]);
  await store.close();
});

test('what goes to an https server is not readable for the proxy on its way', async () => {
  const served = await Served.start();
  const pem = (name: string): Buffer => readFileSync(new URL(`fixtures/${name}`, import.meta.url));
  const secure = createSecureServer({ cert: pem('certificate.pem'), key: pem('key.pem') }, (incoming, outgoing) => {
    const { method, headers, url } = incoming;
    const onward = request(`${served.fake.url}${url}`, { ...(method === undefined ? {} : { method }), headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(secure, 'listening');
  onTestFinished(() => {
    secure.closeAllConnections();
    secure.close();
  });
  const { port } = secure.address() as AddressInfo; // it listens on a port
  const proxy = await startProxy();
  const tls = {
    verify: true,
    ca: pem('certificate.pem').toString(),
    clientCertificate: undefined,
    clientKey: undefined,
  };
  const store = await served.store({ url: `https://127.0.0.1:${port}`, proxy: proxy.url, tls, timeoutMs: 5000 });
  const runId = await store.createRun(newRun());
  expect(await store.land({ runId, items: [param('k', '1')] })).toEqual([LANDED]);
  expect(served.params(runId)).toEqual({ k: '1' });
  expect(new Set(proxy.seen)).toEqual(new Set([`CONNECT 127.0.0.1:${port}`]));
  await store.close();
});
