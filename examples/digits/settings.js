// @ts-check
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

/**
 * @typedef {object} Settings
 * @property {{ train: number, held_out: number, seed: number }} data
 * @property {{ hidden: number[], activation: string, seed: number }} model
 * @property {{ name: string, lr: number, momentum: number }} optimizer
 * @property {{ epochs: number, batch: number, seed: number }} training
 */

/** @typedef {{ [name: string]: unknown }} Tree */

/** Something that the person at the keyboard can mend; shown without a stack. */
export class SettingsError extends Error {}

export const CONFIG_FILE = fileURLToPath(new URL('config.yaml', import.meta.url));
const SWEEP_FILE = fileURLToPath(new URL('sweep.yaml', import.meta.url));

/**
 * The settings of each run: config.yaml, then what sweep.yaml changes for it, then what the command line
 * changes for all, as in `npm start -- training.epochs=1`.
 * @param {readonly string[]} args
 * @returns {{ name: string, settings: Settings }[]}
 */
export function readSweep(args) {
  const variants = readYaml(SWEEP_FILE);
  if (!Array.isArray(variants) || variants.length === 0) throw new SettingsError(`${SWEEP_FILE}: expected a list of runs`);
  return variants.map((variant, index) => {
    const { name = `run-${index + 1}`, ...changes } = tree(variant, SWEEP_FILE);
    return { name: String(name), settings: settingsWith([changes], args) };
  });
}

/**
 * config.yaml, then these changes, then what the command line changes.
 * @param {readonly Tree[]} changes
 * @param {readonly string[]} args
 */
export function settingsWith(changes, args) {
  const base = tree(readYaml(CONFIG_FILE), CONFIG_FILE);
  const settings = [...changes, ...args.map(readArgument)].reduce((before, change) => merge(before, change), base);
  // `merge` lets nothing through that is not in config.yaml, and only as the kind of value that stands there.
  return /** @type {Settings} */ (/** @type {unknown} */ (settings));
}

/**
 * Batches that a training has in all.
 * @param {Settings} settings
 */
export function stepsOf({ data, training }) {
  return training.epochs * Math.ceil(data.train / training.batch);
}

/**
 * Settings by the names that their params have: { optimizer: { lr: 1 } } is optimizer.lr.
 * @param {object} settings
 * @returns {[key: string, value: string][]}
 */
export function paramsOf(settings, prefix = '') {
  return Object.entries(settings).flatMap(([name, value]) =>
    isTree(value) ? paramsOf(value, `${prefix}${name}.`) : [[`${prefix}${name}`, [value].flat().join(', ')]],
  );
}

/**
 * @param {Tree} before
 * @param {Tree} changes
 * @returns {Tree}
 */
function merge(before, changes, prefix = '') {
  const after = { ...before };
  for (const [name, value] of Object.entries(changes)) {
    const old = before[name];
    if (!Object.hasOwn(before, name)) throw new SettingsError(`${prefix}${name} is no setting; config.yaml has them all`);
    if (kind(value) !== kind(old))
      throw new SettingsError(`${prefix}${name}: expected a ${kind(old)}, got ${JSON.stringify(value)}`);
    after[name] = isTree(value) && isTree(old) ? merge(old, value, `${prefix}${name}.`) : value;
  }
  return after;
}

/** @param {string} argument */
function readArgument(argument) {
  const [, path = '', text = ''] = /^([\w.]+)=(.*)$/s.exec(argument) ?? [];
  if (path === '') throw new SettingsError(`${argument}: expected setting=value, as in training.epochs=1`);
  return settingAt(path, parse(text));
}

/**
 * { optimizer: { lr: 1 } } for optimizer.lr and 1.
 * @param {string} path
 * @param {unknown} value
 */
export function settingAt(path, value) {
  return tree(
    path.split('.').reduceRight((/** @type {unknown} */ inner, name) => ({ [name]: inner }), value),
    path,
  );
}

/** @param {string} path */
export function readYaml(path) {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new SettingsError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * @param {unknown} value
 * @param {string} where
 */
export function tree(value, where) {
  if (!isTree(value)) throw new SettingsError(`${where}: expected settings by name, got ${JSON.stringify(value)}`);
  return value;
}

/**
 * @param {unknown} value
 * @returns {value is Tree}
 */
function isTree(value) {
  return kind(value) === 'group of settings';
}

/** @param {unknown} value */
function kind(value) {
  if (Array.isArray(value)) return 'list';
  return typeof value === 'object' && value !== null ? 'group of settings' : typeof value;
}
