import { readFile } from 'node:fs/promises';
import { createTracker } from '../../src/index.js';
import type { Answer, Row, Scale } from '../question.js';
import { row } from '../server/row.js';
import { PATIENCE_MS } from '../server/rows.js';
import { median } from '../statistics.js';
import { withDatabase } from './places.js';

export const TITLE = 'how long a batch keeps a connection of PostgreSQL, and what the server needs for one';

const BATCHES = [1, 10, 100, 1000] as const;
const KEYS = 10;
const WARM = 10;

/** One run, so one connection; each batch has landed before the next one begins. */
export async function ask(scale: Scale): Promise<Answer> {
  const samples = scale.of(100, 20);
  const times = new Map<number, number[]>(BATCHES.map((rows) => [rows, []]));
  const memory: number[] = [];
  await withDatabase(async (database) => {
    const tracker = createTracker({ uri: database.uri, experiment: 'connection' });
    const run = tracker.startRun();
    await run.storeId;
    let step = 0;
    for (let i = 0; i < WARM + samples; i++) {
      for (const rows of BATCHES) {
        const start = performance.now();
        for (let n = 0; n < rows; n++) run.logMetric(`group.metric${n % KEYS}`, step, step++);
        await run.flush({ timeoutMs: PATIENCE_MS });
        if (i >= WARM) times.get(rows)?.push(performance.now() - start);
      }
    }
    const serving = await database.rows<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'headrace' AND datname = $1",
      database.name,
    );
    for (const { pid } of serving) memory.push(await ownMegabytes(pid));
    await tracker.close({ timeoutMs: PATIENCE_MS });
  });
  return {
    sizes: { samples, connections: memory.length },
    rows: [
      ...[...times].map(([rows, found]): Row => {
        const what = `a batch of ${rows.toLocaleString('en-US')} ${rows === 1 ? 'metric' : 'metrics'}, until it has landed`;
        return row(what, 'ms', found, {
          clock: 'call',
          note: `${((1000 * rows) / median(found)).toFixed(0)} rows a second by one connection`,
        });
      }),
      ...(memory.some(Number.isNaN)
        ? []
        : [row("memory of the server's process for a connection, its own", 'MB', memory, { clock: '-' })]),
    ],
  };
}

/** Without the buffers that it shares with others; NaN where the system does not say, or not to us. */
async function ownMegabytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return Number(/^Anonymous:\s+(\d+) kB$/m.exec(text)?.[1] ?? Number.NaN) / 1024;
}
