import type { StoredStatus } from '../reading/stored-run.js';
import type { Colours } from './colours.js';

export function statusText(status: StoredStatus, { good, bad, notable }: Colours): string {
  switch (status) {
    case 'FINISHED':
      return good(status);
    case 'FAILED':
    case 'KILLED':
      return bad(status);
    default:
      return notable(status);
  }
}
