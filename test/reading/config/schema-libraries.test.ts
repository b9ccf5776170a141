/** `run.config(schema)` with the libraries that people have: what comes out, as which type, and what is said of bad keys. */
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, expectTypeOf, test } from 'vitest';
import * as z from 'zod';
import { ConfigSchemaError, openRuns, type ParamTree, type StoredRun } from '../../../src/index.js';
import { Stored } from '../../tracker/stored.js';
import { failureOf } from '../../tracker/waiting.js';

async function readRun(params: ParamTree): Promise<StoredRun> {
  const stored = new Stored();
  const tracker = stored.tracker();
  const run = tracker.startRun({ params });
  await tracker.close();
  await using runs = openRuns(stored.uri);
  return await runs.getRun(run.id);
}

/** The rate was logged as text, as it comes from an environment variable. */
const LOGGED = {
  optimizer: { name: 'adam', lr: '0.001' },
  layers: [{ units: 64 }, { units: 10, kind: 'softmax' }],
  created: new Date(1e12),
  seed: 7n,
  label: 'a run',
};

interface Read {
  optimizer: { name: 'adam' | 'sgd'; lr: number; momentum: number };
  layers: { units: number; kind: string }[];
  created: Date;
  seed: bigint;
  label: string;
}

const READ: Read = {
  optimizer: { name: 'adam', lr: 0.001, momentum: 0.9 },
  layers: [
    { units: 64, kind: 'dense' },
    { units: 10, kind: 'softmax' },
  ],
  created: new Date(1e12),
  seed: 7n,
  label: 'A RUN',
};

const withZod = z.object({
  optimizer: z.object({ name: z.enum(['adam', 'sgd']), lr: z.coerce.number(), momentum: z.number().default(0.9) }),
  layers: z.array(z.object({ units: z.number().int(), kind: z.string().default('dense') })),
  created: z.date(),
  seed: z.bigint(),
  label: z.string().transform((text) => text.toUpperCase()),
});

const withValibot = v.object({
  optimizer: v.object({
    name: v.picklist(['adam', 'sgd']),
    lr: v.pipe(v.string(), v.transform(Number), v.number()),
    momentum: v.optional(v.number(), 0.9),
  }),
  layers: v.array(v.object({ units: v.pipe(v.number(), v.integer()), kind: v.optional(v.string(), 'dense') })),
  created: v.date(),
  seed: v.bigint(),
  label: v.pipe(
    v.string(),
    v.transform((text) => text.toUpperCase()),
  ),
});

const withArktype = type({
  optimizer: { name: "'adam' | 'sgd'", lr: 'string.numeric.parse', momentum: 'number = 0.9' },
  layers: type({ units: 'number.integer', kind: "string = 'dense'" }).array(),
  created: 'Date',
  seed: 'bigint',
  label: type('string').pipe((text) => text.toUpperCase()),
});

describe('the output lacks a default, a transform or its type', () => {
  test('zod', async () => {
    const config = await (await readRun(LOGGED)).config(withZod);
    expectTypeOf(config).toEqualTypeOf<Read>();
    expect(config).toStrictEqual(READ);
  });

  test('valibot', async () => {
    const config = await (await readRun(LOGGED)).config(withValibot);
    expectTypeOf(config).toEqualTypeOf<Read>();
    expect(config).toStrictEqual(READ);
  });

  test('arktype', async () => {
    const config = await (await readRun(LOGGED)).config(withArktype);
    expectTypeOf(config).toEqualTypeOf<Read>();
    expect(config).toStrictEqual(READ);
  });

  test('without a schema it is not known what comes', async () => {
    const config = (await readRun(LOGGED)).config();
    expectTypeOf(config).not.toExtend<Read>();
    expect(config).toStrictEqual(LOGGED);
  });
});

describe('a schema that takes its time is not waited for', () => {
  const later = async (name: string): Promise<boolean> => {
    await new Promise((resolve) => setImmediate(resolve));
    return name === 'adam';
  };

  test('zod', async () => {
    const schema = z.object({ optimizer: z.object({ name: z.string().refine(later, 'is not known here') }) });
    const config = await (await readRun(LOGGED)).config(schema);
    expectTypeOf(config).toEqualTypeOf<{ optimizer: { name: string } }>();
    expect(config).toStrictEqual({ optimizer: { name: 'adam' } });
    const error = await failureOf(ConfigSchemaError, (await readRun({ optimizer: { name: 'sgd' } })).config(schema));
    expect(error.problems).toEqual([{ key: 'optimizer.name', message: 'is not known here' }]);
  });

  test('valibot', async () => {
    const schema = v.objectAsync({
      optimizer: v.objectAsync({ name: v.pipeAsync(v.string(), v.checkAsync(later, 'is not known here')) }),
    });
    const config = await (await readRun(LOGGED)).config(schema);
    expectTypeOf(config).toEqualTypeOf<{ optimizer: { name: string } }>();
    expect(config).toStrictEqual({ optimizer: { name: 'adam' } });
    const error = await failureOf(ConfigSchemaError, (await readRun({ optimizer: { name: 'sgd' } })).config(schema));
    expect(error.problems).toEqual([{ key: 'optimizer.name', message: 'is not known here' }]);
  });
});

describe('a bad key is not named, or only the first of several', () => {
  /** Within an object, within a list, one that is missing, and one of another type. */
  const BAD = {
    optimizer: { name: 'adamw', lr: '0.001' },
    layers: [{ units: 64 }, { units: 'many' }],
    created: new Date(1e12),
    seed: 'seven',
  };
  const KEYS = ['label', 'layers.1.units', 'optimizer.name', 'seed'];

  test.each([
    ['zod', withZod],
    ['valibot', withValibot],
    ['arktype', withArktype],
  ])('%s', async (_, schema) => {
    const error = await failureOf(ConfigSchemaError, (await readRun(BAD)).config<unknown>(schema));
    expect(error.problems.map(({ key }) => key).sort()).toEqual(KEYS);
    for (const { key, message } of error.problems) {
      expect(message).not.toBe('');
      expect(error.message).toContain(`${JSON.stringify(key)}: ${message}`);
    }
  });

  test.each([
    ['zod', z.object({}).refine(() => false, 'no two of these go together')],
    [
      'valibot',
      v.pipe(
        v.object({}),
        v.check(() => false, 'no two of these go together'),
      ),
    ],
  ])('%s, of what is wrong as a whole', async (_, schema) => {
    const error = await failureOf(ConfigSchemaError, (await readRun({ a: 1 })).config<unknown>(schema));
    expect(error.problems).toEqual([{ key: '', message: 'no two of these go together' }]);
    expect(error.message).toContain('as a whole: no two of these go together');
  });

  test.each([
    ['zod', z.object({ 'model.v1': z.object({ lr: z.number() }) })],
    ['valibot', v.object({ 'model.v1': v.object({ lr: v.number() }) })],
    ['arktype', type({ 'model.v1': { lr: 'number' } })],
  ])('%s, of a name with a dot in it', async (_, schema) => {
    expect(await (await readRun({ 'model.v1': { lr: 1 } })).config<unknown>(schema)).toStrictEqual({ 'model.v1': { lr: 1 } });
    const error = await failureOf(ConfigSchemaError, (await readRun({ 'model.v1': { lr: 'fast' } })).config<unknown>(schema));
    expect(error.problems.map(({ key }) => key)).toEqual(['model.v1.lr']);
  });
});
