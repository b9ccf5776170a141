/** How a PostgreSQL database is reached. Made on the caller's thread, handed to workers: plain data. */

export interface PostgresHost {
  /** A name, an address, or the folder of a Unix socket (it begins with a slash). */
  readonly host: string;
  readonly port: number;
  /** A secret. Undefined: none is known, and a server that asks for one is told so. */
  readonly password: string | undefined;
}

/** libpq's. */
export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface PostgresTls {
  readonly mode: SslMode;
  /** PEM texts. Without `ca` Node's own list is what is trusted, where anything is asked at all. */
  readonly ca: string | undefined;
  readonly clientCertificate: string | undefined;
  readonly clientKey: string | undefined;
}

export interface PostgresSettings {
  /** Tried in this order; the first that takes writes is used. */
  readonly hosts: readonly PostgresHost[];
  readonly user: string;
  readonly database: string;
  readonly tls: PostgresTls;
  /** 0: as long as it takes. */
  readonly connectTimeoutMs: number;
  /** From a statement's sending to its answer; then it is cancelled and comes again. 0: as long as it takes. */
  readonly answerTimeoutMs: number;
  /** Seen in pg_stat_activity. */
  readonly applicationName: string;
  /** Command line options for the server process (PGOPTIONS). */
  readonly options: string | undefined;
  /** Silence on a connection after which TCP asks whether the other side is still there; undefined: it doesn't ask. */
  readonly keepAliveMs: number | undefined;
  /** Connections of one worker at most. */
  readonly poolSize: number;
  /** False: no statement gets a name, for poolers that hand every transaction to another connection. */
  readonly namedStatements: boolean;
}

/** The same settings, which print as their address alone (see `concealed` of a server's). */
export function concealed(settings: PostgresSettings, display: string): PostgresSettings {
  const shown = (): string => `[PostgreSQL ${display}]`;
  return Object.defineProperties(
    { ...settings },
    { toJSON: { value: shown }, [Symbol.for('nodejs.util.inspect.custom')]: { value: shown } },
  );
}
