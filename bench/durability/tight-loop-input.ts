export interface Loop {
  readonly logger: 'headrace' | 'pino' | 'writeSync';
  /** Of headrace. */
  readonly uri: string;
  /** Between the loop and the kill, in place: the event loop does not turn. */
  readonly waitMs: number;
}

export const RECORDS = 1000;

/** In the process's current folder; of those that are not headrace. */
export const LOG_FILE = 'lines.log';
