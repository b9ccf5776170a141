// @ts-check
import Table from 'cli-table3';
import { paramsOf } from './settings.js';

/** @typedef {{ name: string, settings: import('./settings.js').Settings, accuracy: number, seconds: number }} Result */

/**
 * The runs, best first, with the params in which they differ.
 * @param {readonly Result[]} results
 */
export function resultTable(results) {
  const rows = results
    .toSorted((a, b) => b.accuracy - a.accuracy)
    .map((result) => ({ ...result, params: new Map(paramsOf(result.settings)) }));
  const keys = [...(rows[0]?.params.keys() ?? [])].filter((key) => new Set(rows.map(({ params }) => params.get(key))).size > 1);
  const table = new Table({
    head: ['run', ...keys, 'held-out accuracy', 'seconds'],
    colAligns: ['left', ...keys.map(() => /** @type {const} */ ('left')), 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, params, accuracy, seconds } of rows) {
    table.push([name, ...keys.map((key) => params.get(key) ?? ''), `${(100 * accuracy).toFixed(2)} %`, seconds.toFixed(1)]);
  }
  return table.toString();
}
