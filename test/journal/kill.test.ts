import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recover } from '../../src/journal/recovery.js';
import { bundleChild, Child } from './child.js';
import { newFolder } from './folder.js';
import { readAll } from './samples.js';

const ROUNDS = 20;
const AT_ONCE = 2;

let program: Awaited<ReturnType<typeof bundleChild>>;
beforeAll(async () => {
  program = await bundleChild('writer');
});
afterAll(() => program.remove());

async function round(i: number): Promise<{ said: number; found: number }> {
  const folder = newFolder();
  const child = new Child(process.execPath, [program.path, folder, i % 2 === 0 ? 'os' : 'fsync']);
  await child.ask('open');
  child.say('flood');
  await child.line(1);
  await sleep((i * 37) % 90);
  await child.kill();
  const [, said = '0', seq = '0'] = /^durable (\d+) seq (\d+)$/.exec(child.lines.at(-1) ?? '') ?? [];
  expect(said).not.toBe('0');
  const { records, skipped } = readAll(folder);
  for (const { reason } of skipped) expect(reason).toMatch(/^(torn|truncated|empty)$/);
  const seqs = records.flatMap((record) => (record.kind === 'items' ? [record.lastSeq] : []));
  expect(seqs).toEqual(Array.from(seqs, (_, n) => n + 2));
  expect(seqs.at(-1)).toBeGreaterThanOrEqual(Number(seq));
  const [recovered] = recover(folder).runs.values();
  expect(recovered?.state.opened).toMatchObject({ id: 'child' });
  expect(recovered?.state.finished).toBe(false);
  expect(recovered?.backlog?.records).toBe(seqs.length);
  return { said: Number(seq), found: seqs.at(-1) ?? 0 };
}

test(`SIGKILL while appending, ${ROUNDS} times: everything that was said to be durable is there`, {
  timeout: 60_000,
}, async () => {
  let found = 0;
  for (let i = 0; i < ROUNDS; i += AT_ONCE) {
    const rounds = await Promise.all(Array.from({ length: AT_ONCE }, (_, j) => round(i + j)));
    found += rounds.reduce((sum, one) => sum + one.found, 0);
  }
  expect(found).toBeGreaterThan(ROUNDS * 50);
});
