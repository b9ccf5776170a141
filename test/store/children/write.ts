/**
 * One of several processes that write the same run of the same file at once: `write <path> <run> <name> <keys>`.
 * Begins when it is told to; prints what came of each key that all of them want.
 */
import { once } from 'node:events';
import { ParamConflictError } from '../../../src/errors.js';
import { SqliteStore } from '../../../src/store/sqlite/sqlite-store.js';
import type { Item } from '../../../src/store/store.js';
import { newRun, persist } from '../calls.js';

const [path = '', runId = '', name = '', count = ''] = process.argv.slice(2);
const store = new SqliteStore({
  path,
  display: path,
  cwd: '/',
  durability: 'os',
  version: '1.2.3',
  pulse: { beat: () => {}, pause: () => {} },
});
console.log('ready');
await once(process.stdin, 'data');
process.stdin.destroy();

const keys = Array.from({ length: Number(count) }, (_, i) => `shared.${i}`);
// Each in an order of its own, so that none is always first.
for (let i = keys.length - 1; i > 0; i--) {
  const j = Math.floor(Math.random() * (i + 1));
  [keys[i], keys[j]] = [keys[j] ?? '', keys[i] ?? ''];
}
const won: string[] = [];
const lost: [key: string, stored: string][] = [];
let busy = 0;

async function until<T>(call: () => Promise<T>): Promise<T> {
  const result = await persist(call, 60_000);
  busy += result.busy;
  return result.value;
}

await until(() => store.open());
await until(() => store.createRun(newRun({ id: runId, experiment: { name: 'contended' } })));
await until(() => store.createRun(newRun({ experiment: { name: `of ${name}` } })));
for (let from = 0; from < keys.length; from += 40) {
  const shared = keys.slice(from, from + 40);
  const items = shared.flatMap((key, i): Item[] => [
    { kind: 'param', key, value: name },
    { kind: 'param', key: `${name}.${from + i}`, value: 'mine' },
    { kind: 'metric', key: 'loss', value: from + i, step: from + i, timestamp: Number(name) },
    { kind: 'tag', key: 'last', value: name },
  ]);
  const outcomes = await until(() => store.land({ runId, items }));
  for (const [i, key] of shared.entries()) {
    const outcome = outcomes[i * 4];
    if (outcome === undefined) won.push(key);
    else if (outcome instanceof ParamConflictError && outcome.key === key) lost.push([key, outcome.storedValue]);
    else throw outcome;
  }
  const others = outcomes.filter((outcome, i) => i % 4 !== 0 && outcome !== undefined);
  if (others.length > 0) throw others[0];
}
await store.close();
console.log(JSON.stringify({ name, won, lost, busy }));
