import { writeFileSync } from 'node:fs';
import { compareRuns } from '../comparing/compare-runs.js';
import type { Comparison } from '../comparing/comparison.js';
import { openRuns } from '../reading/open-runs.js';
import type { StoredRun } from '../reading/stored-run.js';
import { type Command, count, misuse, parseLine } from './command.js';
import { findRun } from './find-run.js';
import { terminalWidth } from './terminal-width.js';

const LIMIT = 20;

/** Params that are equal in all runs hide those that differ when there are more of them. */
const MOST_EQUAL = 20;

const HELP = `Compares runs: which params differ, what the metrics came to, which param goes with which metric.

Usage: headrace compare <run> <run>… [options]
       headrace compare --filter <filter> [options]

  run                 An id, the beginning of one, or a name

Options:
  --filter <filter>   The runs that headrace runs <filter> lists
  --experiment <e>    Only of this experiment, by name or id; may be given several times
  --order <key>       Which come first, such as "metrics.accuracy DESC"; may be given several times
  --limit <n>         At most so many of them. Default: ${LIMIT}; 0: all
  --only-different    Leave out the params that are equal in all; a table does so by itself if those are more than ${MOST_EQUAL}
  --all               All params, however many are equal
  --nested            Params as the tree that they were logged as, and not by their whole keys
  --ignore <pattern>  Leave out keys, such as "data.*"; may be given several times
  --markdown          For a page or an issue, instead of a table
  --csv, --json       For another program
  --html <file>       Write one HTML file besides, with pictures, that needs no network
  --uri <uri>         Where the runs are. Default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db
  -h, --help          This text

Examples:
  headrace compare brisk-otter-1 calm-lake-7
  headrace compare 3f2a 9c41 --only-different --ignore "paths.*"
  headrace compare --filter "metrics.accuracy > 0.9" --order "metrics.accuracy DESC" --html best.html
  headrace compare --experiment digits --csv > digits.csv

Exit code: 0; 1 if there is no such run or the store can't be read; 2 if misused.
`;

const OPTIONS = {
  filter: { type: 'string' },
  experiment: { type: 'string', multiple: true },
  order: { type: 'string', multiple: true },
  limit: { type: 'string' },
  'only-different': { type: 'boolean' },
  all: { type: 'boolean' },
  nested: { type: 'boolean' },
  ignore: { type: 'string', multiple: true },
  markdown: { type: 'boolean' },
  csv: { type: 'boolean' },
  json: { type: 'boolean' },
  html: { type: 'string' },
  uri: { type: 'string' },
} as const;

export const compareCommand: Command = {
  help: HELP,
  options: OPTIONS,
  async run(args) {
    const { values, words } = parseLine('compare', args, OPTIONS);
    const formats = (['markdown', 'csv', 'json'] as const).filter((format) => values[format] === true);
    if (formats.length > 1) throw misuse('compare', `one of ${formats.map((format) => `--${format}`).join(' and ')}`);
    if (values.all === true && values['only-different'] === true) throw misuse('compare', '--all or --only-different, not both');
    const { filter, experiment, order: orderBy, ignore } = values;
    const isSearch = filter !== undefined || experiment !== undefined || orderBy !== undefined || values.limit !== undefined;
    if (isSearch === words.length > 0) throw misuse('compare', 'name runs, or choose them with --filter or --experiment');
    if (words.length === 1) throw misuse('compare', `name a second run besides ${words[0]}`);
    const most = count('compare', 'limit', values.limit, LIMIT);
    await using runs = openRuns(values.uri);
    const chosen: StoredRun[] = [];
    for (const word of words) chosen.push(await findRun(runs, word));
    const search = { filter, experiment, orderBy, ...(most === 0 ? {} : { limit: most }) };
    if (isSearch) for await (const run of runs.searchRuns(search)) chosen.push(run);
    const comparison = await compareRuns(chosen, { ignore });
    if (values.html !== undefined) await writeReport(values.html, comparison);
    // Somebody reads the table; other outputs are complete unless they were asked not to be.
    const isAsked = values['only-different'] === true;
    const isTable = formats.length === 0 && chosen.length > 1;
    const isCrowded = isTable && !isAsked && values.all !== true && comparison.constant.length > MOST_EQUAL;
    const view = values.nested === true ? 'nested' : 'flat';
    process.stdout.write(
      await textOf(comparison, formats[0], { onlyDifferent: isAsked || isCrowded, view, width: terminalWidth() }),
    );
    if (isCrowded) process.stderr.write('--all shows the params that are equal, too\n');
    return 0;
  },
};

/** Each output is loaded when it is asked for. */
async function textOf(
  comparison: Comparison,
  format: 'markdown' | 'csv' | 'json' | undefined,
  options: { readonly onlyDifferent: boolean; readonly view: 'nested' | 'flat'; readonly width: number | undefined },
): Promise<string> {
  switch (format) {
    case 'markdown':
      return (await import('../comparing/markdown.js')).formatMarkdown(comparison, options);
    case 'csv':
      return (await import('../comparing/csv.js')).formatCsv(comparison, options);
    case 'json':
      return (await import('../comparing/json.js')).formatJson(comparison);
    case undefined:
      return await (await import('../comparing/table.js')).formatTable(comparison, options);
  }
}

async function writeReport(path: string, comparison: Comparison): Promise<void> {
  const { formatHtml } = await import('../comparing/html.js');
  writeFileSync(path, formatHtml(comparison));
  process.stderr.write(`headrace: ${path} written\n`);
}
