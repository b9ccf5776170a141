/** How an MLflow server is reached. Made on the caller's thread, handed to the worker: plain data. */

export interface ServerSettings {
  /** Scheme, host, port and path of the tracking URI; no user or password, no slash at the end. */
  readonly url: string;
  /** `Basic …` or `Bearer …`; a secret. */
  readonly authorization: string | undefined;
  /** MLFLOW_WORKSPACE: sent as X-MLFLOW-WORKSPACE. */
  readonly workspace: string | undefined;
  /** DATABRICKS_WORKSPACE_ID: sent as x-databricks-org-id, where one address serves several workspaces. */
  readonly organization?: string | undefined;
  readonly tls: TlsSettings;
  /** Address of a forward proxy that requests to `url` go through; may hold a password, so a secret. */
  readonly proxy: string | undefined;
  /** For one try, from its first byte to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Requests on their way at the same time, each on a connection of its own. */
  readonly connections: number;
  readonly respectRetryAfter: boolean;
  /** Silence on a connection after which TCP asks whether the other side is still there; undefined: it doesn't ask. */
  readonly keepAliveMs?: number | undefined;
  /** Texts that must not be seen in a message, should a server or a proxy send them back. */
  readonly secrets: readonly string[];
}

export interface TlsSettings {
  /** False: MLFLOW_TRACKING_INSECURE_TLS. */
  readonly verify: boolean;
  /** PEM texts. */
  readonly ca: string | undefined;
  readonly clientCertificate: string | undefined;
  readonly clientKey: string | undefined;
}

/**
 * The same settings, which print as their address alone: a tracker holds them, and `console.log(tracker)` or a
 * test's diff would show the password. A clone for another thread takes enumerable properties only, so it is plain.
 */
export function concealed(settings: ServerSettings): ServerSettings {
  const shown = (): string => `[server ${settings.url}]`;
  return Object.defineProperties(
    { ...settings },
    { toJSON: { value: shown }, [Symbol.for('nodejs.util.inspect.custom')]: { value: shown } },
  );
}
