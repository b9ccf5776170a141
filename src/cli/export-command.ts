import { openRuns } from '../reading/open-runs.js';
import { type Command, chosen, exactlyOne, parseLine } from './command.js';
import { configText, FORMATS } from './config-format.js';
import { findRun } from './find-run.js';
import { plain } from './words.js';

const HELP = `Prints the configuration of a run, ready to feed to a program again.

Usage: headrace export <run> [options]

  run              An id, the beginning of one, or a name

Options:
  --format <f>     json, yaml, toml, env or args. Default: json
  --uri <uri>      Where the runs are. Default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db
  -h, --help       This text

json   bigints have all their digits; NaN and infinities are text, as are dates
yaml   reads the same in YAML 1.2 and 1.1 (PyYAML); dates are text
toml   has no null: such keys are left out, and named on stderr
env    NAME=value lines that a shell and dotenv read alike; optimizer.lr is optimizer_lr
args   --optimizer.lr=0.01 …, quoted for a shell

Examples:
  headrace export brisk-otter-1 > config.json
  headrace export 3f2a --format yaml | sed 's/^epochs:.*/epochs: 20/' > config.yaml
  set -a; eval "$(headrace export 3f2a --format env)"; set +a
  eval "python train.py $(headrace export 3f2a --format args)"

Exit code: 0, 1 if there is no such run or the format can't have its configuration, 2 if misused.
`;

const OPTIONS = { format: { type: 'string' }, uri: { type: 'string' } } as const;

export const exportCommand: Command = {
  help: HELP,
  options: OPTIONS,
  choices: { format: FORMATS },
  async run(args) {
    const { values, words } = parseLine('export', args, OPTIONS);
    const format = chosen('export', 'format', values.format, FORMATS);
    const word = exactlyOne('export', words, 'run');
    await using runs = openRuns(values.uri);
    const config = (await findRun(runs, word)).config();
    const omitted = (key: string): void => void process.stderr.write(`headrace: TOML has no null: ${plain(key)} is left out\n`);
    process.stdout.write(await configText(config, format, omitted));
    return 0;
  },
};
