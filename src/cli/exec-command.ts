import { ConfigFileError } from '../errors.js';
import { readConfigFile } from '../params/config-file.js';
import type { ConfigValue } from '../reading/config.js';
import { type Command, misuse, parseLine, seconds, splitCommand } from './command.js';
import { paramWords } from './param-words.js';

const WAIT_SECONDS = 30;

const HELP = `Runs any command as a run: makes it, hands it to the command, and ends it as the command ends.

Usage: headrace exec [options] -- <command> [arguments]

Options:
  --param <k=v>       Log this param; may be given several times. What JSON takes for a value is that value
                      (0.1, true, [64,32], "1"), everything else is text
  --param-file <f>    Log the params of this .json, .yaml, .toml or .env file; may be given several times
  --name <name>       Of the run. Default: a random one
  --experiment <e>    By name; made if it is missing. Default: MLFLOW_EXPERIMENT_NAME, else Default
  --wait <s>          Seconds that the store may take to make the run. Default: ${WAIT_SECONDS}
  --uri <uri>         Where to. Default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db
  -h, --help          This text

The command finds the run by MLFLOW_RUN_ID and MLFLOW_TRACKING_URI: mlflow.start_run() in Python and startRun() of
headrace go on with it. Params that the command logs itself need not be given here; another value would be refused there.

Recorded besides: git's commit, and whether files have changed since (headrace.git.dirty); the command line
(headrace.command), without values whose names tell that they are secrets; and the exit code (headrace.exit_code).

Signals go to the command. The run is FINISHED if the command exits with 0, KILLED if a signal ends it, else FAILED.

Examples:
  headrace exec -- python train.py
  headrace exec --experiment digits --name first --param lr=0.01 --param layers=[64,32] -- ./train --lr 0.01
  headrace exec --param-file config.yaml -- node train.js config.yaml
  headrace exec --uri http://mlflow.example:5000 -- make train

Exit code: the command's own, or 128 and the signal's number; 127 if there is no such command, 126 if it can't be run;
1 if the store can't make the run (the command is not started then) or does not take its end; 2 if misused.
`;

const OPTIONS = {
  param: { type: 'string', multiple: true },
  'param-file': { type: 'string', multiple: true },
  name: { type: 'string' },
  experiment: { type: 'string' },
  wait: { type: 'string' },
  uri: { type: 'string' },
} as const;

export const execCommand: Command = {
  help: HELP,
  options: OPTIONS,
  async run(args) {
    const { own, command } = splitCommand(args);
    const { values, words } = parseLine('exec', own, OPTIONS);
    if (words.length > 0) throw misuse('exec', `the command comes after --: headrace exec -- ${words.join(' ')}`);
    if (command.length === 0) throw misuse('exec', 'name a command after --');
    const { name, experiment, uri, 'param-file': files = [] } = values;
    const params = paramWords('exec', 'param', values.param ?? []);
    for (const file of files) checkFile(file, params);
    // With it come the tracker and its worker, which help has no use for.
    const { endAs, record } = await import('./recorded-command.js');
    const recorded = await record({
      command,
      uri,
      name,
      experiment,
      tags: {},
      env: {},
      waitMs: 1000 * seconds('exec', 'wait', values.wait, WAIT_SECONDS),
      before: (run) => {
        if (params.size > 0) run.logParams(params);
        for (const file of files) run.logConfig(file);
      },
    });
    return endAs(recorded);
  },
};

/** Before there is a run: what is wrong with a file, and what stands in it and on the command line. */
function checkFile(file: string, params: ReadonlyMap<string, ConfigValue>): void {
  let keys: string[];
  try {
    keys = readConfigFile(file, { separator: '.' }).params.map(({ key }) => key);
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error;
    throw misuse('exec', error.message);
  }
  const twice = keys.find((key) => params.has(key));
  if (twice !== undefined) throw misuse('exec', `--param ${twice} stands in ${file}, too; a param has one value`);
}
