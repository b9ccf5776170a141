export interface Loop {
  readonly logger: 'headrace' | 'pino' | 'writeSync';
  /** Of headrace. */
  readonly uri: string;
  /** Records that are logged, and landed, before the loop. Those of the loop go on from this step. */
  readonly warm: number;
  /** Between the loop and the kill, in place: the event loop does not turn. */
  readonly waitMs: number;
}

export const RECORDS = 1000;

/** In the process's current folder; of those that are not headrace. */
export const LOG_FILE = 'lines.log';
