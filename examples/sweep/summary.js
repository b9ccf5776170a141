// @ts-check
import Table from 'cli-table3';
import { compareRuns } from 'headrace';

/** By what trials are judged: the share of the held-out digits that is right after the last epoch. */
const METRIC = 'val_acc';

/**
 * The best trial, and a table of all, best first, with the params in which they differ.
 * @param {readonly import('headrace').StoredRun[]} runs
 */
export async function summary(runs) {
  const ignore = ['tfjs.*', 'batch.*', 'loss', 'acc', 'val_loss'];
  const { params, metrics } = await compareRuns(runs, { ignore, goal: { [METRIC]: 'max' }, curvePoints: 0 });
  const varying = params.filter(({ status }) => status !== 'equal');
  const [metric] = metrics;
  const ranked = runs
    .map((run, index) => ({
      run,
      last: metric?.summaries[index]?.last ?? 0,
      values: varying.map(({ values }) => values[index] ?? ''),
    }))
    .toSorted((a, b) => b.last - a.last);
  const table = new Table({
    head: [...varying.map(({ key }) => key), 'held-out accuracy', 'run'],
    colAligns: [...varying.map(() => /** @type {const} */ ('left')), 'right', 'left'],
    style: { head: [], border: [], compact: true },
  });
  for (const { run, last, values } of ranked) table.push([...values, percent(last), run.id]);
  const [best] = ranked;
  return { table: table.toString(), best: best === undefined ? undefined : { ...best.run, accuracy: percent(best.last) } };
}

/** @param {number} share */
export function percent(share) {
  return `${(100 * share).toFixed(2)} %`;
}
