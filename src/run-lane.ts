/**
 * Which lane a run belongs to, told by its id, so that another thread finds it. Where there is only one lane an id is as
 * random as ids are; where there are several, its last two digits say which.
 */
import { randomUUID } from 'node:crypto';

const DIGITS = 2;
const VALUES: number = 16 ** DIGITS;

export function newRunId(lane: number, lanes: number): string {
  const id = randomUUID().replaceAll('-', '');
  if (lanes === 1) return id;
  const last = Number.parseInt(id.slice(-DIGITS), 16);
  const told = last - (last % lanes) + lane;
  return id.slice(0, -DIGITS) + (told < VALUES ? told : told - lanes).toString(16).padStart(DIGITS, '0');
}

/** Of a run that another program made, or the store, it is any one, and always the same. */
export function laneOfRun(id: string, lanes: number): number {
  const last = Number.parseInt(id.slice(-DIGITS), 16);
  return Number.isNaN(last) ? 0 : last % lanes;
}
