import Table from 'cli-table3';
import type { Row } from './question.js';

/** Rows of one question, under its title. */
export interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** `judged` false: too little was measured to say that a target is reached or not. */
export function renderTable(sections: readonly Section[], judged: boolean): string {
  const table = new Table({
    head: ['', 'unit', 'clock', 'median', 'range', 'p99', 'p99.9', 'max', 'target', ''],
    colAligns: ['left', 'left', 'left', 'right', 'right', 'right', 'right', 'right', 'left', 'left'],
    // Colours would stand in a file that the output is sent to.
    style: { head: [], border: [], compact: true },
  });
  for (const { title, rows } of sections) {
    table.push([{ colSpan: 10, content: title }]);
    for (const row of rows) {
      const { tail, target } = row;
      table.push([
        row.what,
        row.unit,
        row.clock,
        figure(row.median),
        row.range[0] === row.range[1] ? '' : `${figure(row.range[0])} .. ${figure(row.range[1])}`,
        tail === undefined ? '' : figure(tail.p99),
        tail === undefined ? '' : figure(tail.p999),
        tail === undefined ? '' : figure(tail.max),
        target?.text ?? '',
        target === undefined || !judged ? '' : target.reached ? 'reached' : 'NOT REACHED',
      ]);
    }
  }
  const notes = sections.flatMap(({ rows }) => rows.filter(({ note }) => note !== undefined));
  return [table.toString(), ...notes.map(({ what, note }) => `${what}: ${note}`)].join('\n');
}

function figure(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
