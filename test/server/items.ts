/** Records as a lane hands them to a store. */
import type { MetricItem, ParamItem, Store, TagItem } from '../../src/store/store.js';
import { newRun } from '../store/calls.js';

export const param = (key: string, value = 'v'): ParamItem => ({ kind: 'param', key, value });
export const tag = (key: string, value: string): TagItem => ({ kind: 'tag', key, value });
export const metric = (key: string, value: number, step = 0): MetricItem => ({
  kind: 'metric',
  key,
  value,
  step,
  timestamp: 1000,
});

export const params = (count: number): ParamItem[] => Array.from({ length: count }, (_, i) => param(`p${i}`, `${i}`));

export const LANDED = undefined;

/** A run that is there: its id in the store. */
export function started(store: Store): Promise<string> {
  return store.createRun(newRun());
}
