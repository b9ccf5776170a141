/** Preloaded into every thread: the first `DYING_TIMES` workers of a program die by themselves, as `DYING_BY` says; each writes a byte into `DYING_FILE` before. */
import { appendFileSync, statSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

/** Long enough for each to get something done: deaths without progress are another matter. */
const LIFE_MS = 400;

const { DYING_BY: way, DYING_FILE: file = '', DYING_TIMES: times = '0' } = process.env;

function fillMemory(): void {
  const held: unknown[] = [];
  for (;;) held.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));
}

if (!isMainThread && statSync(file).size < Number(times)) {
  setTimeout(() => {
    appendFileSync(file, '.');
    if (way === 'memory') fillMemory();
    throw new Error('provoked by the test');
  }, LIFE_MS);
}
