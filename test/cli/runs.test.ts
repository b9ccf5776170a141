/** The commands that read: over runs that a tracker has logged into a real file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runsTable } from '../../src/cli/runs-listing.js';
import { sparkline } from '../../src/cli/sparkline.js';
import { duration } from '../../src/cli/words.js';
import { openRuns } from '../../src/reading/open-runs.js';
import type { StoredRun } from '../../src/reading/stored-run.js';
import { Served } from '../server/served.js';
import { Stored } from '../tracker/stored.js';
import { headrace, type Said } from './command.js';

interface Made {
  readonly stored: Stored;
  /** By name. */
  readonly ids: Readonly<Record<string, string>>;
}

/** Three runs of one experiment that differ in lr, and one that failed without a metric in another one. */
async function made(): Promise<Made> {
  const stored = new Stored();
  const tracker = stored.tracker({ experiment: 'digits' });
  const ids: Record<string, string> = {};
  for (const [index, name] of ['calm-lake-1', 'brisk-otter-2', 'warm-hill-3'].entries()) {
    const params = { optimizer: { name: 'adam', lr: 0.1 / 10 ** index }, layers: [64, 32], flag: true };
    const run = tracker.startRun({ name, params, tags: { purpose: 'test' } });
    for (let step = 0; step < 10; step++)
      run.logMetrics({ accuracy: (50 + index * step) / 100, loss: step === 3 ? Number.NaN : 1 / (step + 1) }, step);
    await run.end();
    ids[name] = run.id;
    // Runs are listed by when they started.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const failed = tracker.startRun({ name: 'last', experiment: 'other', params: { layers: [64, 32] } });
  await failed.end('FAILED');
  ids['last'] = failed.id;
  await tracker.close();
  return { stored, ids };
}

function call({ stored }: Made, args: readonly string[], env = {}): Promise<Said> {
  return headrace(stored.folder, args, { MLFLOW_TRACKING_URI: stored.uri, ...env });
}

function cells({ code, stdout, stderr }: Said): string[][] {
  expect([code, stderr]).toEqual([0, '']);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.trim().split(/ {2,}/));
}

describe('runs', () => {
  test('a run, what varies, or a metric is left out; or what is equal in all stands in the table', async () => {
    const place = await made();
    const [head = [], ...rows] = cells(await call(place, ['runs', '--experiment', 'digits']));
    expect(head).toEqual(['run', 'name', 'status', 'age', 'optimizer.lr', 'accuracy', 'loss']);
    expect(rows.map(([run, name, status, , lr, accuracy, loss]) => [run, name, status, lr, accuracy, loss])).toEqual([
      [place.ids['warm-hill-3']?.slice(0, 8), 'warm-hill-3', 'FINISHED', '0.001', '0.68', '0.1'],
      [place.ids['brisk-otter-2']?.slice(0, 8), 'brisk-otter-2', 'FINISHED', '0.01', '0.59', '0.1'],
      [place.ids['calm-lake-1']?.slice(0, 8), 'calm-lake-1', 'FINISHED', '0.1', '0.5', '0.1'],
    ]);
  });

  test('one number in two spellings varies', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    for (const lr of ['1e-05', '0.00001']) await tracker.startRun({ params: { lr, seed: lr.length } }).end();
    await tracker.close();
    const [head] = cells(await headrace(stored.folder, ['runs', '--uri', stored.uri]));
    expect(head).toEqual(['run', 'name', 'status', 'age', 'seed']);
  });

  test('a narrow terminal breaks the lines, or what found no room is not told', async () => {
    const { stored } = await made();
    await using runs = openRuns(stored.uri);
    const found: StoredRun[] = [];
    for await (const run of runs.searchRuns()) found.push(run);
    const table = runsTable(found, { params: [], metrics: ['loss'], isWhole: false }, 70);
    expect(
      table
        .split('\n')
        .slice(0, -2)
        .filter((line) => line.length > 70),
    ).toEqual([]);
    expect(table).toMatch(/^run +name +experiment +status +age +flag +loss\n/);
    expect(table).toMatch(/\n2 params more vary \(--all, --param\): optimizer\.lr, optimizer\.name\n$/);
  });

  test('many params or metrics crowd the table, or what is left out can not be had', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    for (const [index, name] of ['a', 'b', 'c'].entries()) {
      const layers = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`units${i}`, (i * index * (i % 7)) % 11]));
      const run = tracker.startRun({ name, params: { model: { layers }, lr: index / 10, path: `/runs/${name}` } });
      run.logMetrics(Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`metric${i}`, index])));
      await run.end();
    }
    await tracker.close();
    const call = (...args: string[]): Promise<Said> => headrace(stored.folder, ['runs', '--uri', stored.uri, ...args]);

    const [head = [], ...lines] = cells(await call());
    expect(head.slice(0, 5)).toEqual(['run', 'name', 'status', 'age', 'lr']);
    const [hiddenParams, hiddenMetrics] = lines.slice(-2).map(([line = '']) => line);
    expect(hiddenParams).toMatch(/^\d+ params more vary \(--all, --param\): /);
    expect(hiddenMetrics).toMatch(/^[5-9] metrics more \(--all, --metric\): metric/);
    const { stdout } = await call();
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(160);
    for (const columns of [60, 90]) {
      const narrow = await headrace(stored.folder, ['runs', '--uri', stored.uri], { COLUMNS: String(columns) });
      expect(Math.max(...narrow.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(columns);
    }

    const asked = cells(await call('--param', 'path', '--param', '*units1?', '--metric', 'metric8'));
    const keys = asked[0]?.slice(4) ?? [];
    expect(keys).toEqual(['path', ...Array.from({ length: 10 }, (_, i) => `model.layers.units1${i}`), 'metric8']);
    expect(asked).toHaveLength(4);
    const all = cells(await call('--all'));
    expect(all).toHaveLength(4);
    expect(all[0]).toContain('path');
    expect(all[0]?.filter((title) => title.startsWith('metric'))).toHaveLength(9);

    const wrong = await call('--param', 'l');
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('has a param "l". Did you mean lr?')]);
    const { stdout: csv } = await call('--csv', '--param', 'lr', '--metric', 'metric0');
    expect(csv.split('\r\n')[0]).toBe('run_id,run_name,experiment,status,start_time,end_time,params.lr,metrics.metric0');
  });

  test('a spreadsheet computes what a program logged', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun({
      name: '=1+1',
      params: { command: '@SUM(A1)', shift: -0.5, '-key': '+1 -1', bound: -Infinity },
    });
    run.logMetric('loss', -0.25);
    await run.end();
    await tracker.close();
    const { stdout } = await headrace(stored.folder, ['runs', '--csv', '--uri', stored.uri]);
    const [head, row] = stdout.split('\r\n').map((line) => line.split(','));
    expect(head?.slice(6)).toEqual(['params.-key', 'params.bound', 'params.command', 'params.shift', 'metrics.loss']);
    expect([row?.[1], ...(row?.slice(6) ?? [])]).toEqual(["'=1+1", "'+1 -1", '-Infinity', "'@SUM(A1)", '-0.5', '-0.25']);
  });

  test('filter, order, limit or metric is not heard', async () => {
    const place = await made();
    const args = [
      'runs',
      "params.optimizer.lr < 0.05 or status = 'FAILED'",
      '--order',
      'metrics.accuracy DESC',
      '--metric',
      'loss',
    ];
    const [head, ...rows] = cells(await call(place, args));
    expect(head).toEqual(['run', 'name', 'experiment', 'status', 'age', 'flag', 'optimizer.lr', 'optimizer.name', 'loss']);
    expect(rows.map(([, name, experiment]) => [name, experiment])).toEqual([
      ['warm-hill-3', 'digits'],
      ['brisk-otter-2', 'digits'],
      ['last', 'other'],
    ]);
    const { stdout, stderr } = await call(place, ['runs', '--limit', '1']);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(stderr).toBe('3 more runs: --limit 4 shows them\n');
    expect(cells(await call(place, ['runs', '--limit', '0']))).toHaveLength(5);
  });

  test('a server’s runs are others than a file’s', async () => {
    const served = await Served.start();
    const tracker = served.tracker({ experiment: 'digits' });
    for (const [name, lr] of [
      ['slow', 0.001],
      ['fast', 0.1],
    ] as const) {
      // biome-ignore format: pairs
      const run = tracker.startRun({ name, params: { lr } });
      run.logMetric('accuracy', lr);
      await run.end();
    }
    await tracker.close();
    const args = ['runs', 'params.lr < 0.01', '--uri', served.fake.url];
    const [head, row, ...others] = cells(await headrace(served.journals, args));
    expect(head).toEqual(['run', 'name', 'status', 'age', 'accuracy']);
    expect([row?.[1], row?.[4], others]).toEqual(['slow', '0.001', []]);
    expect((await headrace(served.journals, ['show', 'fats', '--uri', served.fake.url])).stderr).toContain('Did you mean fast?');
  });

  test('none is a failure', async () => {
    const place = await made();
    expect(await call(place, ['runs', 'metrics.accuracy > 1'])).toEqual({ code: 0, stdout: 'no runs\n', stderr: '' });
    const json = await call(place, ['runs', 'metrics.accuracy > 1', '--json']);
    expect(JSON.parse(json.stdout)).toEqual([]);
  });

  test('a wrong name or filter passes, or no near one is told', async () => {
    const place = await made();
    const none = await call(place, ['runs', "params.lr < 1 and not (metrics.acuracy > 0 or params.layers = 'x')"]);
    expect([none.code, none.stdout]).toEqual([0, 'no runs\n']);
    expect(none.stderr).toBe(
      'headrace: none of the latest runs has a param "lr". Did you mean optimizer.lr?\n' +
        'headrace: none of the latest runs has a metric "acuracy". Did you mean accuracy?\n',
    );
    const metric = await call(place, ['runs', '--metric', 'acuracy']);
    expect([metric.code, metric.stderr]).toEqual([2, expect.stringContaining('has a metric "acuracy". Did you mean accuracy?')]);
    const filter = await call(place, ['runs', 'params.lr <']);
    expect([filter.code, filter.stdout]).toEqual([1, '']);
    expect(filter.stderr).toMatch(/^headrace: /);
  });

  test('JSON and CSV lack a value, or have another', async () => {
    const place = await made();
    const { stdout } = await call(place, ['runs', '--json', '--experiment', 'digits', '--limit', '1']);
    expect(JSON.parse(stdout)).toMatchObject([
      {
        id: place.ids['warm-hill-3'],
        name: 'warm-hill-3',
        experiment: 'digits',
        status: 'FINISHED',
        params: { 'optimizer.lr': '0.001', layers: '[64,32]' },
        metrics: { accuracy: { value: 0.68, step: 9 } },
        tags: { purpose: 'test' },
      },
    ]);
    const csv = (await call(place, ['runs', '--csv'])).stdout.split('\r\n');
    expect(csv[0]).toBe(
      'run_id,run_name,experiment,status,start_time,end_time,params.flag,params.layers,params.optimizer.lr,params.optimizer.name,metrics.accuracy,metrics.loss',
    );
    expect(csv[1]).toMatch(/,last,other,FAILED,[^,]+,[^,]+,,"\[64,32\]",,,,$/);
  });

  test('colours stand in a file, or are kept from who asks for them', async () => {
    const place = await made();
    const coloured = async (env: Record<string, string>): Promise<boolean> =>
      (await call(place, ['runs'], env)).stdout.includes('\u001b[');
    expect(await coloured({})).toBe(false);
    expect(await coloured({ FORCE_COLOR: '1' })).toBe(true);
    expect(await coloured({ FORCE_COLOR: '0' })).toBe(false);
  });
});

describe('show', () => {
  test('a param, a metric or a tag is left out, or the tree is none', async () => {
    const place = await made();
    const { code, stdout, stderr } = await call(place, ['show', 'brisk-otter-2']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^brisk-otter-2 {2}FINISHED\n/);
    expect(stdout).toContain(place.ids['brisk-otter-2']);
    expect(stdout).toContain('\n  optimizer\n    lr    0.01\n    name  adam\n');
    expect(stdout).toContain('  layers     [64,32]\n');
    expect(stdout).toMatch(/ accuracy +0\.59 +step 9 +▁[▁-█]+█ +0\.5 to 0\.59, 10 values\n/);
    expect(stdout).toMatch(/ loss +0\.1 +step 9 +█[▁-█]+×[▁-█]+▁ /);
    expect(stdout).toMatch(/\ntags\n {2}purpose {2}test\n/);
    expect(stdout).not.toContain('mlflow.user');
    expect((await call(place, ['show', 'brisk-otter-2', '--all'])).stdout).toContain('mlflow.user');
  });

  test('a narrow terminal breaks the lines of metrics', async () => {
    const place = await made();
    const stored = place.stored.tracker();
    const run = stored.startRun({ name: 'long' });
    for (let step = 0; step < 40; step++) run.logMetric('a.metric.of.this.run', Math.sqrt(step), step);
    await run.end();
    for (const [columns, shown] of [
      [200, / 6\.244997998398398 +step 39 +[▁-█]+ +0 to 6\.245, 40 values\n/],
      [88, / 6\.245 +step 39 +[▁-█]+ +0 to 6\.245, 40 values\n/],
      [70, / 6\.245 +step 39 +[▁-█]+\n/],
    ] as const) {
      const { stdout } = await call(place, ['show', 'long'], { COLUMNS: String(columns) });
      const lines = stdout.slice(stdout.indexOf('metrics\n'), stdout.indexOf('tags of')).split('\n').slice(0, 3);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
      expect(stdout).toMatch(shown);
    }
  });

  test('the beginning of an id is no name for a run; a wrong name has no near one', async () => {
    const place = await made();
    const { stdout } = await call(place, ['show', place.ids['calm-lake-1']?.slice(0, 12) ?? '', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'calm-lake-1' });
    const wrong = await call(place, ['show', 'brisk-oter-2']);
    expect(wrong).toEqual({
      code: 1,
      stdout: '',
      stderr: 'headrace: there is no run "brisk-oter-2". Did you mean brisk-otter-2?\n',
    });
    const told = async (word: string): Promise<string> => (await call(place, ['show', word])).stderr;
    expect(await told('nothing')).toBe('headrace: there is no run "nothing"; headrace runs lists them\n');
    const start = place.ids['calm-lake-1']?.slice(0, 3) ?? '';
    expect(await told(start)).toBe(`headrace: there is no run "${start}"; of an id, write 4 digits at least\n`);
  });

  test('a store that is not there is made by looking into it', async () => {
    const place = await made();
    const said = await call(place, ['show', 'a', '--uri', 'sqlite:///gone.db']);
    expect([said.code, said.stdout]).toEqual([1, '']);
    expect(() => readFileSync(join(place.stored.folder, 'gone.db'))).toThrow('ENOENT');
  });
});

describe('export', () => {
  test('the configuration is another one than was logged', async () => {
    const place = await made();
    const { code, stdout, stderr } = await call(place, ['export', 'warm-hill-3']);
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual({ optimizer: { name: 'adam', lr: 0.001 }, layers: [64, 32], flag: true });
    const args = await call(place, ['export', 'warm-hill-3', '--format', 'args']);
    expect(args.stdout.trim().split(' ').sort()).toEqual([
      "'--layers=[64,32]'",
      '--flag=true',
      '--optimizer.lr=0.001',
      '--optimizer.name=adam',
    ]);
  });

  test('null passes in silence where a format has none', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    await tracker.startRun({ name: 'a', params: { seed: null, lr: 1 } }).end();
    await tracker.close();
    const said = await headrace(stored.folder, ['export', 'a', '--format', 'toml', '--uri', stored.uri]);
    expect(said).toEqual({ code: 0, stdout: 'lr = 1\n', stderr: 'headrace: TOML has no null: seed is left out\n' });
  });
});

test.each([
  [[], ''],
  [[1], ''],
  [[0, 1, 2, 3, 4, 5, 6, 7], '▁▂▃▄▅▆▇█'],
  [[5, 5, 5], '▅▅▅'],
  [[0, Number.NaN, 1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], '▁×█↑↓'],
  [[-Number.MAX_VALUE, 0, Number.MAX_VALUE], '▁▅█'],
  [Array.from({ length: 1000 }, (_, i) => i), '▁▁▁▂▂▂▃▃▃▄▄▄▅▅▅▆▆▆▇▇▇███'],
])('the course of %j looks otherwise', (values, line) => {
  expect(sparkline(values)).toBe(line);
});

test.each([
  [-5, '0 ms'],
  [999, '999 ms'],
  [1000, '1 s'],
  [119_000, '119 s'],
  [120_000, '2 min'],
  [7_200_000, '2 h'],
  [10 * 86_400_000, '10 d'],
])('%i ms are told as another time', (ms, words) => {
  expect(duration(ms)).toBe(words);
});
