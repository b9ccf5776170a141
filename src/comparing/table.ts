/** A comparison for a terminal. */
import type Table from 'cli-table3';
import { borderlessTable, PADDING } from '../borderless-table.js';
import { columnsOf } from '../text-columns.js';
import type { Comparison } from './comparison.js';
import { type FormatOptions, type Section, sectionsOf } from './sections.js';

export interface TableOptions extends FormatOptions {
  /** Columns of the terminal; default: those of stdout, and no limit where that is no terminal. */
  readonly width?: number | undefined;
}

/** Longer cells are cut: the whole text is in the other outputs. */
const WIDEST = 40;
const NARROWEST = 10;

/** Plain text; runs that find no room beside each other go on in a further table below. */
export async function formatTable(comparison: Comparison, options: TableOptions = {}): Promise<string> {
  // Importing it takes 15 ms and more, and few programs that log also print tables.
  const { default: Tables } = await import('cli-table3');
  const width = options.width ?? process.stdout.columns ?? Number.POSITIVE_INFINITY;
  return sectionsOf(comparison, options)
    .map((section) => sectionText(section, width, Tables))
    .join('\n');
}

function sectionText({ title, head, rows, numeric, fixed, note }: Section, width: number, Tables: typeof Table): string {
  const cells = [head, ...rows].map((row) => row.map(printable));
  const naturals = head.map((_, column) => Math.max(...cells.map((row) => columnsOf(row[column] ?? ''))));
  const widths = fitting(naturals, fixed, width);
  // Of a key the end tells more than the beginning; of a run's name it does not.
  if (head[0] !== 'run') for (const row of cells) row[0] = cutInFront(row[0] ?? '', widths[0] ?? 0);
  const lines = [title];
  for (const [index, columns] of blocks(widths, fixed, width).entries()) {
    if (index > 0) lines.push('');
    lines.push(...tableLines(cells, columns, widths, numeric, Tables));
  }
  if (note !== '') lines.push(note);
  return `${lines.join('\n')}\n`;
}

/** Any of the others must find room beside the fixed ones. */
function fitting(naturals: readonly number[], fixed: number, width: number): number[] {
  const share = Math.floor(width / (fixed + 1)) - PADDING;
  const left = naturals.slice(0, fixed).map((natural) => Math.min(natural, WIDEST, Math.max(NARROWEST, share)));
  const room = Math.max(NARROWEST, width - sum(left) - PADDING);
  return [...left, ...naturals.slice(fixed).map((natural) => Math.min(natural, WIDEST, room))];
}

/** Which columns stand together; one at least besides the fixed ones, even where it is too wide. */
function blocks(widths: readonly number[], fixed: number, width: number): number[][] {
  const left = widths.slice(0, fixed).map((_, column) => column);
  const room = width - sum(widths.slice(0, fixed));
  const found: number[][] = [];
  let taken = 0;
  for (let column = fixed; column < widths.length; column++) {
    const needed = (widths[column] ?? 0) + PADDING;
    if (found.length === 0 || taken + needed > room) {
      found.push([...left]);
      taken = 0;
    }
    found.at(-1)?.push(column);
    taken += needed;
  }
  return found;
}

function sum(widths: readonly number[]): number {
  return widths.reduce((total, width) => total + width + PADDING, 0);
}

function tableLines(
  [head = [], ...rows]: readonly (readonly string[])[],
  columns: readonly number[],
  widths: readonly number[],
  numeric: readonly boolean[],
  Tables: typeof Table,
): string[] {
  const pick = (row: readonly string[]): string[] => columns.map((column) => row[column] ?? '');
  return borderlessTable(
    Tables,
    {
      head: pick(head),
      right: columns.map((column) => numeric[column] === true),
      widths: columns.map((column) => widths[column] ?? 0),
    },
    rows.map(pick),
  );
}

/** Indented names of a tree stay as they are: they are short, and say by their place whose they are. */
function cutInFront(text: string, width: number): string {
  if (columnsOf(text) <= width || text.startsWith(' ')) return text;
  const rest = [...text];
  while (columnsOf(rest.join('')) >= width) rest.shift();
  return `…${rest.join('')}`;
}

/** Line breaks and what moves a terminal's cursor or turns its text round are shown as marks. */
function printable(text: string): string {
  return text
    .replace(/\r\n|[\r\n\u2028\u2029]/g, '\u23ce')
    .replaceAll('\t', ' ')
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}
