import { openRuns } from '../reading/open-runs.js';
import { type Command, exactlyOne, parseLine } from './command.js';
import { findRun } from './find-run.js';
import { runJson } from './run-json.js';
import { runText } from './run-text.js';

const HELP = `Shows one run: its params as a tree, its metrics with their course, its tags.

Usage: headrace show <run> [options]

  run            An id, the beginning of one, or a name

Options:
  --all          MLflow's and headrace's own tags, too
  --json         One JSON object instead of text
  --uri <uri>    Where the runs are. Default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db
  -h, --help     This text

A metric's course has its lowest value at the bottom and its highest at the top; × stands for NaN, ↑ and ↓ for
infinities.

Examples:
  headrace show brisk-otter-1
  headrace show 3f2a --all
  headrace show 3f2a --json | jq .metrics.accuracy.value

Exit code: 0, 1 if there is no such run or the store can't be read, 2 if misused.
`;

const OPTIONS = { all: { type: 'boolean' }, json: { type: 'boolean' }, uri: { type: 'string' } } as const;

export const showCommand: Command = {
  help: HELP,
  options: OPTIONS,
  async run(args) {
    const { values, words } = parseLine('show', args, OPTIONS);
    const word = exactlyOne('show', words, 'run');
    await using runs = openRuns(values.uri);
    const run = await findRun(runs, word);
    process.stdout.write(
      values.json === true ? `${JSON.stringify(runJson(run), undefined, 2)}\n` : await runText(run, values.all === true),
    );
    return 0;
  },
};
