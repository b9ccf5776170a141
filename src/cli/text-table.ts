import Table from 'cli-table3';
import { borderlessTable } from '../borderless-table.js';

export function textTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[] {
  return borderlessTable(Table, { head, right: head.map((_, column) => right.includes(column)) }, rows);
}
