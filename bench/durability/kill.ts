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

/** What headrace promises to lose at most of a paced load is 5 ms of it. */
const WAITS_MS = [0, 5];

interface Try {
  readonly what: string;
  readonly loop: Loop;
  /** How many records are there after the process's death. */
  readonly survivors: (folder: string, printed: string) => Promise<number>;
}

export const question: DurabilityQuestion = {
  title: `${RECORDS} records in one tight loop, SIGKILL at once or a little later: how many are there afterwards`,
  async ask(scale): Promise<Answer> {
    const tries = scale.of(20, 3);
    const rows = await Sink.serve(async (sink) => {
      const all = WAITS_MS.flatMap((waitMs) => triesOf(sink, waitMs));
      const found = all.map((): number[] => []);
      for (let i = 0; i < tries; i++) {
        for (const [at, one] of all.entries()) found[at]?.push(await survivorsOf(one));
      }
      return all.map(({ what }, at) => rowOf(what, found[at] ?? []));
    });
    return { sizes: { tries, 'records a try': RECORDS }, rows };
  },
};

function triesOf(sink: Sink, waitMs: number): Try[] {
  const when = waitMs === 0 ? 'at once' : `after ${waitMs} ms`;
  return [
    {
      what: `${when}: headrace, server`,
      loop: { logger: 'headrace', uri: sink.url, waitMs },
      survivors: async (folder, runId) => {
        await sendLeftBehind(sink.url, folder);
        return (await sink.counts(runId)).steps;
      },
    },
    {
      what: `${when}: headrace, SQLite`,
      loop: { logger: 'headrace', uri: URI, waitMs },
      survivors: async (folder) => {
        if (existsSync(join(folder, '.headrace'))) await sendLeftBehind(URI, folder);
        return metricsIn(join(folder, FILE));
      },
    },
    { what: `${when}: pino, worker transport`, loop: { logger: 'pino', uri: '', waitMs }, survivors: linesIn },
    { what: `${when}: fs.writeSync of each`, loop: { logger: 'writeSync', uri: '', waitMs }, survivors: linesIn },
  ];
}

function survivorsOf({ loop, survivors }: Try): Promise<number> {
  return inFolder(async (folder) => survivors(folder, await untilKilled(TIGHT_LOOP, loop, folder)));
}

async function linesIn(folder: string): Promise<number> {
  return readFileSync(join(folder, LOG_FILE), 'utf8').split('\n').length - 1;
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
