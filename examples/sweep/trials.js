// @ts-check
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { paramsOf, readYaml, SettingsError, settingAt, settingsWith, tree } from '../digits/settings.js';

/** @typedef {{ id: string, name: string, settings: import('../digits/settings.js').Settings }} Trial */

const GRID_FILE = fileURLToPath(new URL('grid.yaml', import.meta.url));

/**
 * One trial for each combination in grid.yaml; `args` change settings of all, as in training.epochs=1.
 * @param {readonly string[]} args
 * @returns {Trial[]}
 */
export function readTrials(args) {
  const grid = Object.entries(tree(readYaml(GRID_FILE), GRID_FILE)).map(([path, values]) => {
    if (!Array.isArray(values) || values.length === 0)
      throw new SettingsError(`${GRID_FILE}: ${path}: expected a list of values, got ${JSON.stringify(values)}`);
    return values.map((value) => ({ path, value, isVaried: values.length > 1 }));
  });
  const combinations = grid.reduce(
    (all, choices) => all.flatMap((chosen) => choices.map((choice) => [...chosen, choice])),
    /** @type {{ path: string, value: unknown, isVaried: boolean }[][]} */ ([[]]),
  );
  const varied = new Set((combinations[0] ?? []).flatMap(({ path, isVaried }) => (isVaried ? [path] : [])));
  const trials = combinations.map((chosen) => {
    const changes = chosen.map(({ path, value }) => settingAt(path, value));
    const settings = settingsWith(changes, args);
    const params = paramsOf(settings);
    const name = params.filter(([key]) => varied.has(key)).map(([key, value]) => `${key.split('.').at(-1)}=${value}`);
    return { id: identity(params), name: name.join(' '), settings };
  });
  // Where an argument takes the place of a list of values, several combinations are one.
  return [...new Map(trials.map((trial) => [trial.id, trial])).values()];
}

/**
 * The same for the same settings, in whatever process and order: by it a sweep that is started again knows its trials.
 * @param {readonly (readonly [key: string, value: string])[]} params
 */
function identity(params) {
  const sorted = params.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 16);
}
