/** Runs as a reader gives them out, without a store. */
import { createHash } from 'node:crypto';
import type { MetricPoint, StoredRun, StoredStatus } from '../../src/reading/stored-run.js';

export interface Sketch {
  readonly name?: string;
  readonly id?: string;
  readonly experiment?: string;
  readonly status?: StoredStatus;
  readonly startTime?: number | undefined;
  readonly endTime?: number | undefined;
  readonly user?: string;
  readonly params?: Readonly<Record<string, string>>;
  /** Numbers stand at the steps 0, 1, 2… */
  readonly metrics?: Readonly<Record<string, readonly (number | MetricPoint)[]>>;
}

export function storedRun(sketch: Sketch = {}): StoredRun {
  const { name = 'a run', experiment = 'digits', status = 'FINISHED', user = 'ada', params = {}, metrics = {} } = sketch;
  const histories = new Map(Object.entries(metrics).map(([key, points]) => [key, points.map(pointOf)]));
  return {
    id: sketch.id ?? createHash('md5').update(JSON.stringify(sketch)).digest('hex'),
    name,
    experimentId: '1',
    experimentName: experiment,
    status,
    startTime: 'startTime' in sketch ? sketch.startTime : Date.UTC(2026, 10, 20, 9),
    endTime: 'endTime' in sketch ? sketch.endTime : Date.UTC(2026, 10, 20, 9, 2, 5),
    user,
    params: new Map(Object.entries(params)),
    metrics: new Map(
      [...histories].flatMap(([key, points]) => {
        const latest = points.at(-1);
        return latest === undefined ? [] : [[key, latest] as const];
      }),
    ),
    tags: new Map(),
    history: async (key) => histories.get(key) ?? [],
    config: () => {
      throw new Error('nobody compares configurations');
    },
  };
}

function pointOf(point: number | MetricPoint, index: number): MetricPoint {
  return typeof point === 'number' ? { value: point, step: index, timestamp: 1000 + index } : point;
}
