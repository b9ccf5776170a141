/** A batch as columns, each row where all writers put it: two that write the same keys lock them in the same order. */
import { RUN_NAME_TAG } from '../run-tags.js';
import type { Item, ParamItem } from '../store.js';
import { arrayOf, elementText, textArray } from './array-text.js';

/** MLflow's storage rule for infinities: its SQL store replaces them by the largest double. */
const LARGEST = Number.MAX_VALUE;

/** The rows of one metric, and the one of them that is the latest: MLflow's order is by step, timestamp, value, NaN as 0. */
class Series {
  readonly values: number[] = [];
  readonly timestamps: number[] = [];
  readonly steps: number[] = [];
  latest = 0;

  add(value: number, timestamp: number, step: number): void {
    const at = this.values.push(value === Infinity ? LARGEST : value === -Infinity ? -LARGEST : value) - 1;
    this.timestamps.push(timestamp);
    this.steps.push(step);
    if (this.isLater(at)) this.latest = at;
  }

  private isLater(at: number): boolean {
    const { latest, steps, timestamps, values } = this;
    if (steps[at] !== steps[latest]) return column(steps, at) > column(steps, latest);
    if (timestamps[at] !== timestamps[latest]) return column(timestamps, at) > column(timestamps, latest);
    return (column(values, at) || 0) > (column(values, latest) || 0);
  }
}

export class BatchRows {
  /** By key; equal keys as logged, so that the first of them is stored. */
  readonly params: readonly ParamItem[];
  /** What the run is renamed to. */
  readonly runName: string | undefined;
  private readonly series = new Map<string, Series>();
  private readonly tags = new Map<string, string>();

  constructor(items: readonly Item[]) {
    const params: ParamItem[] = [];
    let runName: string | undefined;
    for (const item of items) {
      if (item.kind === 'param') {
        params.push(item);
      } else if (item.kind === 'metric') {
        const { key, value, timestamp, step } = item;
        this.seriesOf(key).add(value, timestamp, step);
      } else if (item.key !== RUN_NAME_TAG) {
        this.tags.set(item.key, item.value);
      } else if (item.value !== '') {
        // MLflow: an empty name is no renaming, and the tag stays too.
        runName = item.value;
        this.tags.set(item.key, item.value);
      }
    }
    this.params = params.some((param, i) => i > 0 && isBefore(param, params[i - 1])) ? params.sort(byKey) : params;
    this.runName = runName;
  }

  private seriesOf(key: string): Series {
    const known = this.series.get(key);
    if (known !== undefined) return known;
    const series = new Series();
    this.series.set(key, series);
    return series;
  }

  get hasMetrics(): boolean {
    return this.series.size > 0;
  }

  get hasTags(): boolean {
    return this.tags.size > 0;
  }

  /** key, value */
  paramColumns(): string[] {
    return [textArray(this.params.map(({ key }) => key)), textArray(this.params.map(({ value }) => value))];
  }

  /** key, value, timestamp, step of all rows, then of the latest of each key. NaN as such. */
  metricColumns(): string[] {
    const all = columns();
    const latest = columns();
    for (const [key, series] of [...this.series].sort(byFirst)) {
      const element = elementText(key);
      for (let i = 0; i < series.values.length; i++) {
        all.keys.push(element);
        all.values.push(column(series.values, i));
        all.timestamps.push(column(series.timestamps, i));
        all.steps.push(column(series.steps, i));
      }
      latest.keys.push(element);
      latest.values.push(column(series.values, series.latest));
      latest.timestamps.push(column(series.timestamps, series.latest));
      latest.steps.push(column(series.steps, series.latest));
    }
    return [all, latest].flatMap(({ keys, values, timestamps, steps }) => [keys, values, timestamps, steps].map(arrayOf));
  }

  /** key, value */
  tagColumns(): string[] {
    const tags = [...this.tags].sort(byFirst);
    return [textArray(tags.map(([key]) => key)), textArray(tags.map(([, value]) => value))];
  }
}

function columns(): { keys: string[]; values: number[]; timestamps: number[]; steps: number[] } {
  return { keys: [], values: [], timestamps: [], steps: [] };
}

function column(values: readonly number[], at: number): number {
  return values[at] as number; // every column has every row
}

function isBefore(a: ParamItem, b: ParamItem | undefined): boolean {
  return b !== undefined && a.key < b.key;
}

function byKey(a: ParamItem, b: ParamItem): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

function byFirst([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
