/** The certificates that MLflow's variables name, read and looked through before anything is sent. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { OptionError, quote } from '../../errors.js';
import { type Environment, flag, text } from '../variable.js';
import type { TlsSettings } from './server-settings.js';

const CERTIFICATE = /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END \1?CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----[\s\S]+?-----END \1?PRIVATE KEY-----/;

const PLAIN: TlsSettings = { verify: true, ca: undefined, clientCertificate: undefined, clientKey: undefined };

/** `used`: some part of the way is TLS. Otherwise no file is read, however it is named. */
export function tlsSettings(env: Environment, cwd: string, used: boolean): TlsSettings {
  const verify = !flag(env, 'MLFLOW_TRACKING_INSECURE_TLS', false);
  const server = text(env, 'MLFLOW_TRACKING_SERVER_CERT_PATH');
  if (!verify && server !== undefined) {
    throw new OptionError({
      option: 'MLFLOW_TRACKING_INSECURE_TLS',
      received: quote(text(env, 'MLFLOW_TRACKING_INSECURE_TLS') ?? ''),
      expected: `no such variable beside MLFLOW_TRACKING_SERVER_CERT_PATH (${quote(server)}): one says to trust everybody, the other whom to trust`,
    });
  }
  if (!used) return PLAIN;
  const client = text(env, 'MLFLOW_TRACKING_CLIENT_CERT_PATH');
  return {
    verify,
    ca:
      server === undefined
        ? verify
          ? requestsBundle(env, cwd)
          : undefined
        : bundle('MLFLOW_TRACKING_SERVER_CERT_PATH', server, cwd),
    ...(client === undefined ? { clientCertificate: undefined, clientKey: undefined } : clientPair(client, cwd)),
  };
}

/** What Python's requests trusts in place of its own list. */
function requestsBundle(env: Environment, cwd: string): string | undefined {
  for (const variable of ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE']) {
    const path = text(env, variable);
    if (path !== undefined) return bundle(variable, path, cwd);
  }
  return undefined;
}

/** A file of certificates, or a folder of them under the names that OpenSSL looks for (`openssl rehash`). */
function bundle(variable: string, given: string, cwd: string): string {
  const path = resolve(cwd, given);
  const expected =
    'the path of a file with certificates in PEM form, or of a folder with such files under OpenSSL’s hashed names';
  const files = attempt(variable, given, expected, () =>
    statSync(path).isDirectory()
      ? readdirSync(path)
          .filter((name) => /^[0-9a-f]{8}\.\d+$/.test(name))
          .map((name) => join(path, name))
      : [path],
  );
  if (files.length === 0) {
    throw refuse(variable, given, 'a folder without hashed names', `${expected}: run "openssl rehash" on it`);
  }
  const certificates = files.flatMap(
    (file) => attempt(variable, given, expected, () => readFileSync(file, 'latin1')).match(CERTIFICATE) ?? [],
  );
  const first = certificates[0];
  if (first === undefined) throw refuse(variable, given, 'a file without a certificate', expected);
  // Of one: a system's bundle has hundreds, and takes milliseconds.
  attempt(variable, given, expected, () => new X509Certificate(first));
  return certificates.join('\n');
}

function clientPair(given: string, cwd: string): { clientCertificate: string; clientKey: string } {
  const variable = 'MLFLOW_TRACKING_CLIENT_CERT_PATH';
  const expected = 'the path of one PEM file with a client certificate and its private key, which no passphrase protects';
  const pem = attempt(variable, given, expected, () => readFileSync(resolve(cwd, given), 'latin1'));
  const certificates = pem.match(CERTIFICATE) ?? [];
  const leaf = certificates[0];
  const key = PRIVATE_KEY.exec(pem)?.[0];
  if (leaf === undefined) throw refuse(variable, given, 'a file without a certificate', expected);
  if (key === undefined) throw refuse(variable, given, 'a file without a private key', expected);
  if (/ENCRYPTED/.test(key)) throw refuse(variable, given, 'a private key with a passphrase', expected);
  const matches = attempt(variable, given, expected, () => new X509Certificate(leaf).checkPrivateKey(createPrivateKey(key)));
  if (!matches) throw refuse(variable, given, 'a private key of another certificate', expected);
  return { clientCertificate: certificates.join('\n'), clientKey: key };
}

function attempt<T>(variable: string, path: string, expected: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw refuse(variable, path, error instanceof Error ? error.message : String(error), expected);
  }
}

function refuse(variable: string, path: string, what: string, expected: string): OptionError {
  return new OptionError({ option: variable, received: `${quote(path)} (${what})`, expected });
}
