/** A comparison for a pull request or a notebook: tables of GitHub's Markdown. */
import type { Comparison } from './comparison.js';
import { type FormatOptions, type Section, sectionsOf } from './sections.js';

export function formatMarkdown(comparison: Comparison, options: FormatOptions = {}): string {
  return sectionsOf(comparison, options).map(sectionText).join('\n');
}

function sectionText({ title, head, rows, numeric, note }: Section): string {
  const rule = numeric.map((isNumeric) => (isNumeric ? '---:' : '---'));
  const lines = [head.map(markdownText), rule, ...rows.map((row) => row.map(markdownText))].map(
    (cells) => `| ${cells.join(' | ')} |`,
  );
  return `${[`## ${title}`, '', ...lines, ...(note === '' ? [] : ['', note])].join('\n')}\n`;
}

/** A cell that reads as the text itself: no markup, no HTML, on one line. */
export function markdownText(text: string): string {
  return (
    text
      .replace(/[\\`*[\]<>|~&$#!]/g, '\\$&')
      // Within a word it is an underscore; at its edge it would be emphasis.
      .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\_')
      .replace(/^ +/, (blanks) => '&nbsp;'.repeat(blanks.length))
      .replace(/\r\n|[\r\n\u2028\u2029]/g, '<br>')
  );
}
