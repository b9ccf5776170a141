/** Runs of every kind that headrace can log, and beside each what must be read of it. */
import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { expect } from 'vitest';
import type { Run, RunStatus, StartRunOptions, Tracker } from '../../src/index.js';
import { createTracker } from '../../src/index.js';
import { typeTagKey } from '../../src/params/type-tag.js';
import { type LatestMetric, type MetricPoint, type Param, type SeenExperiment, type SeenRun, sorted, type Tag } from './seen.js';

type Period = readonly [from: number, to: number];

export interface LoggedRun {
  readonly id: string;
  readonly experiment: string;
  /** undefined: a random one was asked for. */
  readonly name: string | undefined;
  readonly status: RunStatus;
  readonly started: Period;
  readonly ended: Period;
  readonly params: readonly Param[];
  /** Besides those that a program gives by being what it is. */
  readonly tags: readonly Tag[];
  readonly metrics: readonly LatestMetric[];
  readonly history: readonly MetricPoint[];
}

interface Content {
  readonly params?: readonly Param[];
  readonly tags?: readonly Tag[];
  readonly metrics?: readonly LatestMetric[];
  readonly history?: readonly MetricPoint[];
}

/** MLflow keeps infinities as the largest double. */
const LARGEST = 1.7976931348623157e308;

/** MLflow takes letters and digits of any script, 250 code points of them. */
const KEYS: readonly string[] = [
  'a',
  'A',
  'Ab-5_',
  'a/b/c',
  '.a',
  'b.',
  ' ',
  'a b ',
  'a:b',
  '__proto__',
  'größe',
  '学习率',
  'x²',
  'Ⅷ',
  '٣',
  'k'.repeat(250),
  '学'.repeat(250),
  '𐐀'.repeat(250),
];

/** MLflow takes anything but NUL, 6000 code points of it. */
const VALUES: readonly string[] = [
  '',
  '  blanks  ',
  'two\nlines\r\nand\ta tab\n',
  `it's "quoted" \\ and 100 %`,
  'é e\u0301 \u2028 \u00a0 \u0001\u001f\u007f',
  'x'.repeat(6000),
  '😀'.repeat(6000),
  'e\u0301'.repeat(3000),
  '👩‍👩‍👧‍👦 family',
  'NaN',
  'null',
  '0',
];

/** Texts among them that a number or null would be stored as: a tag tells that they are text. */
const LIKE_OTHERS: ReadonlySet<string> = new Set(['NaN', 'null', '0']);

const POINTS = 6000;

/** Logs into `uri` and closes the tracker; what must be there afterwards. */
export async function logSampleRuns(uri: string): Promise<readonly LoggedRun[]> {
  const tracker = createTracker({ uri, workers: 2 });
  const logged: LoggedRun[] = [];
  const add = async (options: StartRunOptions, status: RunStatus, log: (run: Run) => Content): Promise<string> => {
    logged.push(await logRun(tracker, options, status, log));
    return logged.at(-1)?.id ?? '';
  };

  await add({ name: 'a config' }, 'FINISHED', (run) => {
    run.logParams({ optimizer: { name: 'adam', lr: 0.001, betas: [0.9, 0.999], eps: 1e-8 }, epochs: 3, amp: true });
    run.logParam('seed', 12_345_678_901_234_567_890n);
    run.logParam('warmup', null);
    // Logged once more: no second row, no error.
    run.logParam('epochs', 3);
    return {
      params: [
        ['optimizer.name', 'adam'],
        ['optimizer.lr', '0.001'],
        ['optimizer.betas', '[0.9,0.999]'],
        ['optimizer.eps', '1e-8'],
        ['epochs', '3'],
        ['amp', 'true'],
        ['seed', '12345678901234567890'],
        ['warmup', 'null'],
      ],
    };
  });

  await add({ experiment: 'größe 学习率 🚀', name: "ランナー 🏃 'one'" }, 'FINISHED', (run) => {
    const params: Param[] = KEYS.map((key, i) => [key, VALUES[i % VALUES.length] ?? '']);
    for (const [key, value] of params) run.logParam(key, value);
    const longTag = '🎈'.repeat(8000);
    run.setTag('学习', 'first');
    run.setTags({ long: longTag, 'mlflow.note.content': '# A note\n\nof **two** lines', empty: '' });
    run.setTag('学习', 'last');
    const history: MetricPoint[] = KEYS.map((key, i) => [key, 0, 1_700_000_000_000, i / 3]);
    for (const [key, step, timestamp, value] of history) run.logMetric(key, value, step, timestamp);
    return {
      params,
      tags: [
        ['学习', 'last'],
        ['long', longTag],
        ['mlflow.note.content', '# A note\n\nof **two** lines'],
        ['empty', ''],
        ...params.filter(([, value]) => LIKE_OTHERS.has(value)).map(([key, value]): Tag => [typeTagKey(key, value), 'text']),
      ],
      history,
      metrics: history.map(([key, , , value]) => [key, value]),
    };
  });

  await add({ experiment: 'curves', name: 'long history' }, 'FINISHED', (run) => {
    const history: MetricPoint[] = [];
    for (let step = 0; step < POINTS; step++) {
      for (const [key, value] of [
        ['loss', 1 / (step + 1)],
        ['val/loss', Math.sin(step)],
      ] as const) {
        history.push([key, step, 1_700_000_000_000 + step * 7, value]);
        run.logMetric(key, value, step, 1_700_000_000_000 + step * 7);
      }
    }
    return {
      history,
      metrics: [
        ['loss', 1 / POINTS],
        ['val/loss', Math.sin(POINTS - 1)],
      ],
    };
  });

  await add({ experiment: 'curves' }, 'FINISHED', (run) => {
    const log = (key: string, step: number, timestamp: number, value: number, stored: number = value): MetricPoint => {
      run.logMetric(key, value, step, timestamp);
      return [key, step, timestamp, stored];
    };
    const history = [
      log('nan', 1, 10, 5),
      log('nan', 2, 10, Number.NaN),
      log('number after nan', 1, 10, Number.NaN),
      log('number after nan', 2, 10, 7),
      log('same moment', 3, 10, 5),
      log('same moment', 3, 10, Number.NaN),
      log('infinity', 0, 0, Number.POSITIVE_INFINITY, LARGEST),
      log('minus infinity', 0, 0, Number.NEGATIVE_INFINITY, -LARGEST),
      log('minus zero', 0, 0, -0, 0),
      log('denormal', 0, 0, 5e-324),
      log('exact', 0, 0, 0.1 + 0.2),
      log('far', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 1),
      log('before', -5, 900, 3),
      log('before', -7, 901, 4),
      log('order', 0, 100, 1000),
      log('order', 3, 40, 100),
      log('order', 3, 50, 20),
      log('order', 3, 50, 10),
      log('order', -3, 900, 900),
    ];
    // The same point again is the same row.
    run.logMetric('order', 20, 3, 50);
    return {
      history,
      metrics: [
        ['nan', Number.NaN],
        ['number after nan', 7],
        ['same moment', 5],
        ['infinity', LARGEST],
        ['minus infinity', -LARGEST],
        ['minus zero', 0],
        ['denormal', 5e-324],
        ['exact', 0.30000000000000004],
        ['far', 1],
        ['before', 3],
        ['order', 20],
      ],
    };
  });

  const parent = await add({ experiment: 'nested', name: 'parent' }, 'FAILED', () => ({}));
  for (const status of ['FINISHED', 'KILLED'] as const) {
    await add(
      { experiment: 'nested', name: `child ${status}`, parentRunId: parent, tags: { 'given at the start': 'yes' } },
      status,
      (run) => {
        run.logParam('of', 'a child');
        return {
          params: [['of', 'a child']],
          tags: [
            ['given at the start', 'yes'],
            ['mlflow.parentRunId', parent],
          ],
        };
      },
    );
  }

  await tracker.close();
  return logged;
}

async function logRun(
  tracker: Tracker,
  options: StartRunOptions,
  status: RunStatus,
  log: (run: Run) => Content,
): Promise<LoggedRun> {
  const startedFrom = Date.now();
  const run = tracker.startRun(options);
  const startedTo = Date.now();
  const { params = [], tags = [], metrics = [], history = [] } = log(run);
  const endedFrom = Date.now();
  const end = run.end(status);
  const endedTo = Date.now();
  await end;
  return {
    id: run.id,
    experiment: options.experiment ?? 'Default',
    name: options.name,
    status,
    started: [startedFrom, startedTo],
    ended: [endedFrom, endedTo],
    params,
    tags,
    metrics,
    history,
  };
}

/** `user`: as Python's getpass names who runs this. */
export function expectRuns(
  seen: { readonly runs: readonly SeenRun[]; readonly experiments: readonly SeenExperiment[] },
  logged: readonly LoggedRun[],
  { folder, user }: { readonly folder: string; readonly user: string },
): void {
  const idOf = new Map(seen.experiments.map(({ id, name }) => [name, id]));
  expect(new Set(seen.runs.map(({ id }) => id))).toEqual(new Set(logged.map(({ id }) => id)));
  for (const run of logged) {
    const read = seen.runs.find(({ id }) => id === run.id);
    const experimentId = idOf.get(run.experiment);
    expect(experimentId, run.experiment).toBeDefined();
    const { startTime, endTime, name, ...rest } = read ?? expect.unreachable();
    expectWithin(startTime, run.started);
    expectWithin(endTime, run.ended);
    if (run.name === undefined) expect(name).toMatch(/^[a-z]+-[a-z]+-\d+$/);
    else expect(name).toBe(run.name);
    expect(rest).toEqual({
      id: run.id,
      experimentId,
      userId: user,
      status: run.status,
      lifecycleStage: 'active',
      artifactUri: `${folder}/mlruns/${experimentId}/${run.id}/artifacts`,
      params: sorted(run.params),
      tags: sorted([...run.tags, ...programTags(user), ['mlflow.runName', name]]),
      metrics: sorted(run.metrics),
      history: sorted(run.history),
    });
  }
}

/** Every experiment that `logSampleRuns` names, where MLflow would have put it. */
export function expectExperiments(seen: readonly SeenExperiment[], logged: readonly LoggedRun[], folder: string): void {
  expect(new Set(seen.map(({ name }) => name))).toEqual(new Set(['Default', ...logged.map(({ experiment }) => experiment)]));
  expect(seen.find(({ id }) => id === '0')?.name).toBe('Default');
  for (const experiment of seen) {
    expect(experiment.lifecycleStage).toBe('active');
    expect(experiment.artifactLocation).toBe(`${folder}/mlruns/${experiment.id}`);
    expectWithin(experiment.creationTime, [Date.now() - 3_600_000, Date.now()]);
  }
}

function expectWithin(time: number | null, [from, to]: Period): void {
  expect(time).toBeGreaterThanOrEqual(from);
  expect(time).toBeLessThanOrEqual(to);
}

/** MLflow's own client gives a Python program these. */
function programTags(user: string): readonly Tag[] {
  const program = process.argv[1] ?? '';
  return [['mlflow.user', user], ['mlflow.source.name', program], ['mlflow.source.type', 'LOCAL'], ...gitTags(dirname(program))];
}

/** Of a source archive there are none; of a repository without a branch or a remote, those two are missing. */
function gitTags(folder: string): readonly Tag[] {
  const commit = git(folder, 'rev-parse', 'HEAD');
  if (commit === undefined) return [];
  const [remote] = git(folder, 'remote')?.split('\n') ?? [];
  const found = [
    ['mlflow.source.git.commit', commit],
    ['mlflow.source.git.branch', git(folder, 'branch', '--show-current')],
    ['mlflow.source.git.repoURL', remote ? git(folder, 'remote', 'get-url', remote) : undefined],
  ] as const;
  return found.flatMap(([key, value]) => (value ? [[key, value] as const] : []));
}

function git(folder: string, ...question: string[]): string | undefined {
  try {
    return execFileSync('git', question, { cwd: folder, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return undefined;
  }
}
