/** What was logged is what `openRuns` gives back, the whole way through a file and a server. */
import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import { describe, onTestFinished, test } from 'vitest';
import { openRuns, type Runs, type Tracker, type TrackerOptions } from '../../../src/index.js';
import { Served } from '../../server/served.js';
import { Stored } from '../../tracker/stored.js';
import { configuration, type Logged, prefix } from './logged-values.js';

interface Place {
  readonly tracker: Tracker;
  readonly runs: Runs;
}

function opened(uri: string, tracker: Tracker): Place {
  const runs = openRuns(uri);
  onTestFinished(() => runs.close());
  return { tracker, runs };
}

const stores = [
  {
    name: 'a SQLite file',
    numRuns: 100,
    async start(options: TrackerOptions): Promise<Place> {
      const stored = new Stored();
      return opened(stored.uri, stored.tracker(options));
    },
  },
  {
    name: 'a server',
    numRuns: 40,
    async start(options: TrackerOptions): Promise<Place> {
      const served = await Served.start();
      return opened(served.fake.url, served.tracker(options));
    },
  },
];

const settings = (['js', 'python'] as const).flatMap((valueFormat) =>
  (['.', '/'] as const).map((separator) => ({ valueFormat, separator })),
);

describe.each(stores)('through $name', ({ start, numRuns }) => {
  test.each(settings)('$valueFormat, separator $separator', async (options) => {
    const { tracker, runs } = await start(options);
    await fc.assert(
      fc.asyncProperty(configuration(options.separator), prefix, async (config, before) => {
        const run = tracker.startRun();
        await run.logParams(config, before === undefined ? {} : { prefix: before.join(options.separator) });
        const read = await runs.getRun(await run.storeId);
        await run.end();
        // Vitest's own takes a property named constructor for the object's class.
        deepStrictEqual(read.config(), under(before ?? [], config));
      }),
      { numRuns },
    );
  });
});

function under(names: readonly string[], config: Logged): Logged {
  return names.reduceRight<Logged>((inner, name) => ({ [name]: inner }), config);
}
