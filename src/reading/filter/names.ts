/** MLflow's names for what a filter or an order can speak of. */
import { RUN_NAME_TAG } from '../../store/run-tags.js';
import type { Operand } from './tree.js';

export const ENTITIES: ReadonlyMap<string, Operand['of']> = new Map([
  ['params', 'params'],
  ['param', 'params'],
  ['parameters', 'params'],
  ['parameter', 'params'],
  ['metrics', 'metrics'],
  ['metric', 'metrics'],
  ['tags', 'tags'],
  ['tag', 'tags'],
  ['attributes', 'attributes'],
  ['attribute', 'attributes'],
  ['attr', 'attributes'],
  ['run', 'attributes'],
]);

const attribute = (key: string): Operand => ({ of: 'attributes', key });
const NAME: Operand = { of: 'tags', key: RUN_NAME_TAG };

export const ATTRIBUTES: ReadonlyMap<string, Operand> = new Map([
  ['run_id', attribute('run_id')],
  ['run_name', NAME],
  ['status', attribute('status')],
  ['start_time', attribute('start_time')],
  ['end_time', attribute('end_time')],
  ['user_id', attribute('user_id')],
  ['artifact_uri', attribute('artifact_uri')],
]);

/** Columns of MLflow's pages. */
export const OTHER_ATTRIBUTES: ReadonlyMap<string, Operand> = new Map([
  ['created', attribute('start_time')],
  ['Created', attribute('start_time')],
  ['run name', NAME],
  ['Run name', NAME],
  ['Run Name', NAME],
]);

export type ValueKind = 'text' | 'number';

/** What an operand can be compared with. */
export function kindsOf({ of, key }: Operand): readonly ValueKind[] {
  if (of === 'metrics') return ['number'];
  if (of === 'attributes') return key === 'start_time' || key === 'end_time' ? ['number'] : ['text'];
  return ['text', 'number'];
}
