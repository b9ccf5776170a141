/** Configurations that come back as they were after MLflow has had its hands on the file, and those of Python's runs. */
import { deepStrictEqual } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createTracker, openRuns } from '../../src/index.js';
import { configOf } from '../../src/reading/config.js';
import { configuration, type Logged, prefix } from '../reading/config/logged-values.js';
import { DatabaseFolder } from './database-folder.js';
import { MlflowClient } from './mlflow-client.js';
import { MLFLOWS, pythonOf } from './mlflow-versions.js';
import { ServerPlace } from './server-place.js';

const SEED = 20_261_123;

let folder: DatabaseFolder;

beforeAll(async () => {
  folder = await DatabaseFolder.make();
});

afterAll(() => folder.remove());

describe.each(MLFLOWS)('MLflow %s', (version) => {
  let client: MlflowClient;

  beforeAll(async () => {
    client = new MlflowClient(await pythonOf(version), folder.path);
  });

  afterAll(() => client?.stop());

  test.each(['js', 'python'] as const)('migrates a file of typed params, valueFormat %s', async (valueFormat) => {
    const uri = folder.uri(`${valueFormat}-${version}.db`);
    const tracker = createTracker({ uri, valueFormat });
    const logged = new Map(
      fc.sample(configuration('.'), { numRuns: 100, seed: SEED }).map((config) => {
        const run = tracker.startRun();
        run.logParams(config);
        return [run.id, config];
      }),
    );
    await tracker.close();
    const runs = await client.runs(uri);
    expect(runs).toHaveLength(100);
    // Vitest's own takes a property named constructor for the object's class.
    for (const { id, params, tags } of runs) deepStrictEqual(configOf(new Map(params), new Map(tags)), logged.get(id));
    await using migrated = openRuns(uri);
    for (const [id, config] of logged) deepStrictEqual((await migrated.getRun(id)).config(), config);
  });

  test.each(['.', '/'] as const)('serves typed params as they were logged, separator %s', async (separator) => {
    const place = await ServerPlace.start(version);
    onTestFinished(() => place.stop());
    const tracker = createTracker({ uri: place.server.url, separator });
    const logged = fc.sample(fc.tuple(configuration(separator), prefix), { numRuns: 40, seed: SEED }).map(([config, before]) => {
      const run = tracker.startRun();
      run.logParams(config, before === undefined ? {} : { prefix: before.join(separator) });
      return {
        run,
        config: before === undefined ? config : before.reduceRight<Logged>((inner, name) => ({ [name]: inner }), config),
      };
    });
    await tracker.close();
    // By the server, and from its file.
    for (const uri of [place.server.url, `sqlite:///${join(place.folder, 'mlflow.db')}`]) {
      await using runs = openRuns(uri);
      for (const { run, config } of logged) deepStrictEqual((await runs.getRun(await run.storeId)).config(), config);
    }
  });

  test('logs from Python what is read by its texts', async () => {
    const uri = folder.uri(`python-${version}.db`);
    const file = folder.file(`params-${version}.json`);
    writeFileSync(
      file,
      '{"optimizer.lr": 1e-05, "optimizer.name": "adam", "amp": true, "seed": 18446744073709551615, "warmup": null, "ratio": 1.0,' +
        '"layers": [64, 1.5, "relu", null, false], "head": {"dim": 10, "it\'s": ["a\\n"]}, "bound": -Infinity, "version": "1.10"}',
    );
    const id = await client.script(uri, { start: {}, params_file: file });
    const { params, tags } = await client.run(uri, id);
    expect(configOf(new Map(params), new Map(tags))).toStrictEqual({
      optimizer: { lr: 0.00001, name: 'adam' },
      amp: true,
      seed: 18_446_744_073_709_551_615n,
      warmup: null,
      ratio: 1,
      layers: [64, 1.5, 'relu', null, false],
      head: { dim: 10, "it's": ['a\n'] },
      bound: Number.NEGATIVE_INFINITY,
      version: '1.10',
    });
  });
});
