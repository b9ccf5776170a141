import { besideRaw, GAP_MS } from '../beside-raw.js';
import { callsOf, type Pairs } from '../by-turns.js';
import type { Answer, Scale } from '../question.js';
import { inProcess } from './process.js';
import type { FreshServer, ServerQuestion } from './server.js';

export const question: ServerQuestion = {
  title: 'a single param on an idle tracker: from the call until its receipt resolves, beside one raw POST',
  ask,
};

async function ask({ url, folder, stored }: FreshServer, scale: Scale): Promise<Answer> {
  const rounds = scale.of(3, 1);
  const samples = scale.of(50, 15);
  const found: Pairs[] = [];
  for (let round = 0; round < rounds; round++) {
    const { pairs, runIds } = await inProcess('singleParam', { url, samples, gapMs: GAP_MS }, folder);
    stored.expectCount('params', runIds, callsOf(samples));
    found.push(pairs);
  }
  return besideRaw(found, samples, 'raw POST', 'raw POST on a kept-alive connection');
}
