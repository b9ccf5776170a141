/** Params as the configuration that they were flattened from. */
import type { ComparedParam } from './comparison.js';

export interface ParamNode {
  /** The last part of the key. */
  readonly name: string;
  readonly key: string;
  /** A key may be a param and the start of others at once. */
  readonly param: ComparedParam | undefined;
  readonly children: readonly ParamNode[];
}

/** A line of a table: a param, or the name of those below it. */
export interface ParamLine {
  readonly depth: number;
  readonly text: string;
  readonly param: ComparedParam | undefined;
}

interface Growing extends ParamNode {
  param: ComparedParam | undefined;
  readonly children: Growing[];
}

/** Keys are cut at `.` and `/`, the separators that params are flattened with. */
export function nestedParams(params: readonly ComparedParam[]): readonly ParamNode[] {
  const top: Growing[] = [];
  for (const param of params) {
    let level = top;
    let node: Growing | undefined;
    for (const { 0: name, index } of param.key.matchAll(/[^./]+/g)) {
      const key = param.key.slice(0, index + name.length);
      node = level.find((sibling) => sibling.key === key);
      if (node === undefined) {
        node = { name, key, param: undefined, children: [] };
        level.push(node);
      }
      level = node.children;
    }
    if (node === undefined || node.key !== param.key) top.push({ name: param.key, key: param.key, param, children: [] });
    else node.param = param;
  }
  return top;
}

export function paramLines(params: readonly ComparedParam[], view: 'flat' | 'nested'): ParamLine[] {
  if (view === 'flat') return params.map((param) => ({ depth: 0, text: param.key, param }));
  return linesOf(nestedParams(params), 0);
}

function linesOf(nodes: readonly ParamNode[], depth: number): ParamLine[] {
  return nodes.flatMap(({ name, param, children }) => [{ depth, text: name, param }, ...linesOf(children, depth + 1)]);
}
