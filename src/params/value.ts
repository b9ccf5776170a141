/** A param's value as the text that is stored. Runs in the worker. */
import { jsNumber, jsText } from './js-text.js';
import { pythonNumber, pythonText } from './python-text.js';
import type { Tree } from './tree.js';

export type ValueFormat = 'js' | 'python';

/** The same text for the same value, always: conflicts are judged by it. */
export function valueText(tree: Tree, format: ValueFormat): string {
  if (format === 'python') return typeof tree === 'number' ? pythonNumber(tree) : pythonText(tree);
  return typeof tree === 'number' ? jsNumber(tree) : jsText(tree);
}
