import { HeadraceError } from '../errors.js';

/** The journal has grown to its limit. Nothing of the record was kept. */
export class JournalFullError extends HeadraceError {
  readonly folder: string;
  readonly limitBytes: number;
  readonly neededBytes: number;

  constructor(fields: { folder: string; limitBytes: number; neededBytes: number }) {
    super(
      'HEADRACE_JOURNAL_FULL',
      `journal ${fields.folder} has no room for ${fields.neededBytes} bytes within its limit of ${fields.limitBytes}; ` +
        'let the store catch up (headrace sync), or raise the limit',
    );
    this.folder = fields.folder;
    this.limitBytes = fields.limitBytes;
    this.neededBytes = fields.neededBytes;
  }
}

/** The journal could not be written just now. What was appended is kept, and goes out with the next try. */
export class JournalWriteError extends HeadraceError {
  readonly path: string;
  /** What the operating system calls it: ENOSPC, EROFS, EACCES… */
  readonly reason: string;

  constructor(fields: { path: string; reason: string }, options?: ErrorOptions) {
    super('HEADRACE_JOURNAL_WRITE', `journal ${fields.path} can't be written: ${fields.reason}`, options);
    this.path = fields.path;
    this.reason = fields.reason;
  }
}

/** One record is larger than a journal frame can be. Nothing of it was kept. */
export class JournalRecordTooLargeError extends HeadraceError {
  readonly bytes: number;
  readonly limit: number;

  constructor(fields: { bytes: number; limit: number }) {
    super('HEADRACE_JOURNAL_RECORD', `a batch needs ${fields.bytes} bytes in the journal, one frame may take ${fields.limit}`);
    this.bytes = fields.bytes;
    this.limit = fields.limit;
  }
}

/** The code that the operating system gave, or the message of anything else. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
