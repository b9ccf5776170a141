import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { FILE, URI } from '../database.js';
import type { Answer, Row } from '../question.js';
import { row } from '../server/row.js';
import { inFolder } from './folder.js';
import { untilKilled } from './killed-process.js';
import { sendLeftBehind } from './left-behind.js';
import type { DurabilityQuestion } from './question.js';
import { Sink } from './sink.js';
import { LOG_FILE, type Loop, RECORDS } from './tight-loop-input.js';

const TIGHT_LOOP = new URL('./tight-loop.js', import.meta.url);

interface Moment {
  readonly what: string;
  readonly warm: number;
  readonly waitMs: number;
}

/** What headrace promises to lose at most of a paced load is 5 ms of it. */
const MOMENTS: readonly Moment[] = [
  { what: 'the first of a process, killed at once', warm: 0, waitMs: 0 },
  { what: 'later ones, killed at once', warm: 10_000, waitMs: 0 },
  { what: 'later ones, killed after 5 ms', warm: 10_000, waitMs: 5 },
];

interface Try {
  readonly what: string;
  readonly loop: Loop;
  /** How many records are there after the process's death. */
  readonly survivors: (folder: string, printed: string) => Promise<number>;
}

export const question: DurabilityQuestion = {
  title: `${RECORDS} records in one tight loop, SIGKILL at once or a little later: how many are there afterwards`,
  async ask(scale): Promise<Answer> {
    const tries = scale.of(20, 5);
    const rows = await Sink.serve(async (sink) => {
      const all = MOMENTS.flatMap((moment) => triesOf(sink, moment));
      const found = all.map((): number[] => []);
      for (let i = 0; i < tries; i++) {
        for (const [at, one] of all.entries()) found[at]?.push(await survivorsOf(one));
      }
      return all.map(({ what }, at) => rowOf(what, found[at] ?? []));
    });
    return { sizes: { tries, 'records a try': RECORDS }, rows };
  },
};

function triesOf(sink: Sink, { what, warm, waitMs }: Moment): Try[] {
  const lines = (name: string, logger: 'pino' | 'writeSync'): Try => ({
    what: `${what}: ${name}`,
    loop: { logger, uri: '', warm, waitMs },
    survivors: async (folder) => linesIn(join(folder, LOG_FILE)) - warm,
  });
  return [
    {
      what: `${what}: headrace, server`,
      loop: { logger: 'headrace', uri: sink.url, warm, waitMs },
      survivors: async (folder, runId) => {
        await sendLeftBehind(sink.url, folder);
        return (await sink.counts(runId)).steps - warm;
      },
    },
    {
      what: `${what}: headrace, SQLite`,
      loop: { logger: 'headrace', uri: URI, warm, waitMs },
      survivors: async (folder) => {
        if (existsSync(join(folder, '.headrace'))) await sendLeftBehind(URI, folder);
        return metricsIn(join(folder, FILE)) - warm;
      },
    },
    lines('pino, worker transport', 'pino'),
    // It keeps everything at every moment.
    ...(warm === 0 ? [lines('fs.writeSync of each', 'writeSync')] : []),
  ];
}

function survivorsOf({ loop, survivors }: Try): Promise<number> {
  return inFolder(async (folder) => survivors(folder, await untilKilled(TIGHT_LOOP, loop, folder)));
}

function linesIn(file: string): number {
  return readFileSync(file, 'utf8').split('\n').length - 1;
}

function metricsIn(file: string): number {
  const database = new Database(file);
  try {
    return database.prepare<[], number>('SELECT count(*) FROM metrics').pluck().get() ?? 0;
  } finally {
    database.close();
  }
}

function rowOf(what: string, found: readonly number[]): Row {
  const all = found.filter((count) => count === RECORDS).length;
  const none = found.filter((count) => count === 0).length;
  return row(what, 'records', found, { note: `all ${RECORDS} in ${all} of ${found.length} tries, none in ${none}` });
}
