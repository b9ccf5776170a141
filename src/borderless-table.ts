import type Table from 'cli-table3';

const NO_BORDERS = Object.fromEntries(
  ['top', 'bottom', 'left', 'right']
    .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
    .concat('mid', 'mid-mid', 'middle')
    .map((part) => [part, '']),
);

/** Blanks between columns. */
export const PADDING = 2;

export interface Columns {
  readonly head: readonly string[];
  /** By column: whether it stands at the right. */
  readonly right: readonly boolean[];
  /** Characters of each; default: as its cells need. */
  readonly widths?: readonly number[] | undefined;
}

/**
 * Columns that stand apart by blanks: lines of boxes add nothing to a few of them. The library is handed in, as
 * importing it takes 15 ms and more.
 */
export function borderlessTable(
  Tables: typeof Table,
  { head, right, widths }: Columns,
  rows: readonly (readonly string[])[],
): string[] {
  const table = new Tables({
    head: [...head],
    colAligns: head.map((_, column) => (right[column] === true ? 'right' : 'left')),
    ...(widths === undefined ? {} : { colWidths: widths.map((width) => width + PADDING) }),
    // The library's own colours would stand in a file that the output is sent to.
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': PADDING },
    chars: NO_BORDERS,
  });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}
