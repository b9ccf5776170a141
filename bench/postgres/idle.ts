import { besideRaw, GAP_MS } from '../beside-raw.js';
import type { Pairs } from '../by-turns.js';
import type { Answer, Scale } from '../question.js';
import { inProcess } from '../server/process.js';
import type { Postgres, PostgresQuestion } from './databases.js';

export const question: PostgresQuestion = {
  title: 'a single param on an idle tracker: from the call until its receipt resolves, beside one raw INSERT',
  ask,
};

async function ask({ withDatabase, folder }: Postgres, scale: Scale): Promise<Answer> {
  const rounds = scale.of(3, 1);
  const samples = scale.of(60, 15);
  const found: Pairs[] = [];
  await withDatabase(async ({ uri }) => {
    for (let round = 0; round < rounds; round++)
      found.push(await inProcess('singleInsert', { url: uri, samples, gapMs: GAP_MS }, folder));
  });
  return besideRaw(found, samples, 'raw INSERT', 'raw INSERT, prepared');
}
