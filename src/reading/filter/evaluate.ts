/** What a filter means. Whatever a store has searched for us, its answers go through here. */

import { numberOf } from '../../params/number-text.js';
import type { RunRecord } from '../run-source.js';
import { isLike } from './like.js';
import { compareText } from './text-order.js';
import type { Comparator, Filter, Literal, Operand } from './tree.js';

/** A comparison with what a run doesn't have is false, `!=` too, and so is any with NaN. */
export function matches(filter: Filter, run: RunRecord): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.parts.every((part) => matches(part, run));
    case 'or':
      return filter.parts.some((part) => matches(part, run));
    case 'not':
      return !matches(filter.part, run);
    case 'null':
      return (heldValue(run, filter.operand) === undefined) !== filter.negated;
    case 'like': {
      const held = heldValue(run, filter.operand);
      return typeof held === 'string' && isLike(held, filter.pattern, filter.ignoreCase);
    }
    case 'compare':
      return holds(heldValue(run, filter.operand), filter.comparator, filter.value);
    case 'in': {
      const held = heldValue(run, filter.operand);
      return filter.negated
        ? filter.values.every((value) => holds(held, '!=', value))
        : filter.values.some((value) => holds(held, '=', value));
    }
  }
}

/** Undefined: the run has none. */
export function heldValue(run: RunRecord, { of, key }: Operand): Literal | undefined {
  if (of === 'params') return run.params.get(key);
  if (of === 'tags') return run.tags.get(key);
  if (of === 'metrics') return run.metrics.get(key)?.value;
  switch (key) {
    case 'run_id':
      return run.id;
    case 'status':
      return run.status;
    case 'start_time':
      return run.startTime;
    case 'end_time':
      return run.endTime;
    case 'user_id':
      return run.user;
    default:
      return run.artifactUri;
  }
}

function holds(held: Literal | undefined, comparator: Comparator, wanted: Literal): boolean {
  if (typeof wanted === 'string') return typeof held === 'string' && stands(comparator, compareText(held, wanted));
  const number = typeof held === 'string' ? numberOf(held) : held;
  if (number === undefined || Number.isNaN(number)) return false;
  return stands(comparator, number < wanted ? -1 : number > wanted ? 1 : 0);
}

function stands(comparator: Comparator, order: number): boolean {
  switch (comparator) {
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}
