/** Random bytes and objects as keys and values: no call throws, every receipt settles, and what is in order lands beside them. */
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, inject, onTestFailed, onTestFinished, test } from 'vitest';
import { createTracker, HeadraceError, LogFailuresError, type Receipt, type Run } from '../../src/index.js';
import { isLong, SEED } from '../mlflow/fault-work.js';
import { rowsOf } from '../store/database-rows.js';
import { newFolder } from '../store/place.js';
import { storeIds } from './account.js';
import { judgeRow } from './fault-row.js';

const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
    withUnicodeString: true,
  }),
  fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('utf16le')),
  fc.uint8Array({ maxLength: 9000, minLength: 5000 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  fc.constantFrom('\ud800', '\0', '', ' ', '../..', 'a'.repeat(300), '%s', "'; DROP TABLE params; --", '\u2028'),
);

/** Half of them in order, so that it depends on the value. */
const anyKey: fc.Arbitrary<unknown> = fc.oneof(
  anyValue,
  fc.nat(1e6).map((n) => `key ${n}`),
);

const METHODS = ['logParam', 'logParams', 'logMetric', 'logMetrics', 'setTag', 'setTags'] as const;

type AnyCall = (...args: readonly unknown[]) => Receipt;

test.for([
  [
    'SQLite',
    isLong ? 100_000 : 5000,
    () => {
      const path = join(newFolder(), 'mlflow.db');
      return { uri: `sqlite:///${path}`, path };
    },
  ],
  ['MLflow server', isLong ? 20_000 : 1000, () => ({ uri: inject('server').url, path: inject('server').path })],
] as const)(
  '%s: one of %i calls with anything as key and value throws, hangs, or takes others with it',
  async (target, context) => {
    const [where, times, place] = target;
    onTestFailed(() => console.error(`HEADRACE_SEED=${SEED} repeats what failed here`));
    const { uri, path } = place();
    const dir = join(newFolder(), 'journals');
    const tracker = createTracker({ uri, experiment: 'random values', journal: { dir } });
    onTestFinished(async () => {
      await tracker.close({ timeoutMs: 1000, throwOnFailure: false }).catch(() => undefined);
    });
    const run = tracker.startRun();
    const calls = fc.sample(fc.tuple(fc.constantFrom(...METHODS), anyKey, anyValue), { seed: SEED, numRuns: times });
    const sane: [string, string, Receipt][] = [];
    const texts: [string, string, Receipt][] = [];
    const receipts: Receipt[] = [];
    for (const [i, [method, key, value]] of calls.entries()) {
      // The declared types are what such a caller goes past.
      const receipt = Reflect.apply(run[method as keyof Run] as AnyCall, run, [key, value]);
      receipts.push(receipt);
      if (method === 'logParam' && typeof key === 'string' && typeof value === 'string') texts.push([key, value, receipt]);
      if (i % 10 === 0) sane.push([`sane ${i}`, `value ${i}`, run.logParam(`sane ${i}`, `value ${i}`)]);
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await tracker.close({ throwOnFailure: false, timeoutMs: 60_000 });

    const findings: string[] = [];
    let refused = 0;
    for (const receipt of receipts) {
      if (receipt.state === 'landed') continue;
      refused++;
      const error = await receipt.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (!(error instanceof HeadraceError || error instanceof LogFailuresError))
        findings.push(`${receipt.state}: ${String(error)}`);
    }
    const rows = rowsOf(path);
    const [id = ''] = storeIds(rows, run.id);
    const params = new Map(
      rows('SELECT key, value FROM params WHERE run_uuid = ?', id).map(({ key, value }) => [String(key), String(value)]),
    );
    const lost = sane.filter(([key, value]) => params.get(key) !== value);
    const wrong = texts.filter(([key, value, { state }]) => state === 'landed' && params.get(key) !== value);
    findings.push(...lost.map(([key]) => `lost: ${key}`), ...wrong.map(([key]) => `wrong: ${JSON.stringify(key)}`));
    const logged = receipts.length + sane.length;
    const counts = { fired: refused, logged, landed: logged - refused, lost: lost.length, doubled: 0, wrong: wrong.length };
    judgeRow(context, { fault: 'random keys and values', where, ...counts, note: `${refused} refused` }, findings.slice(0, 20));
    expect(texts.filter(([, , { state }]) => state === 'landed').length).toBeGreaterThan(0);
  },
);
