/** Entry of one of several processes that log at once. Says `ready`, begins when it is told, says `landed`. */
import { once } from 'node:events';
import { createTracker, type Run } from '../../src/index.js';
import { rowsLogger } from '../server/headrace-rows.js';
import { PATIENCE_MS, type Rows } from '../server/rows.js';

export interface WriterOrder {
  readonly uri: string;
  /** Its share. */
  readonly rows: Rows;
  /** What it logs before it is ready, to other runs. */
  readonly warm: Rows;
}

export type WriterWord = 'ready' | 'landed';

function say(word: WriterWord): void {
  process.send?.(word);
}

// The bench was ended: nobody would end this one.
const onDisconnect = (): void => process.exit(1);
process.once('disconnect', onDisconnect);
// Sent by writers.ts and by nobody else.
const [{ uri, rows, warm }] = (await once(process, 'message')) as [WriterOrder];
const logRows = rowsLogger(rows);
const tracker = createTracker({ uri, experiment: 'scale' });
const started = (count: number): Run[] => Array.from({ length: count }, () => tracker.startRun());
rowsLogger(warm)(started(warm.runs));
const runs = started(rows.runs);
await Promise.all(runs.map((run) => run.storeId));
await tracker.flush({ timeoutMs: PATIENCE_MS });
say('ready');
await once(process, 'message');
logRows(runs);
const { pending } = await tracker.flush({ timeoutMs: PATIENCE_MS });
if (pending > 0) throw new Error(`${pending} rows have not landed`);
say('landed');
await tracker.close({ timeoutMs: PATIENCE_MS });
process.off('disconnect', onDisconnect);
process.disconnect();
