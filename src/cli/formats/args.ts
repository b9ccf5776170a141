import type { ConfigTree } from '../../reading/config.js';
import { leafText, leavesOf } from '../config-leaves.js';
import { shellLine } from '../shell-words.js';

export function argumentsOf(tree: ConfigTree): string[] {
  return leavesOf(tree).map((leaf) => `--${leaf.path.join('.')}=${leafText(leaf)}`);
}

export function argsText(tree: ConfigTree): string {
  return `${shellLine(argumentsOf(tree))}\n`;
}
