import { compareRuns } from '../comparing/compare-runs.js';
import { nearest } from '../nearest.js';
import { SEPARATOR_TAG } from '../params/type-tag.js';
import type { ConfigTree } from '../reading/config.js';
import { openRuns } from '../reading/open-runs.js';
import type { StoredRun } from '../reading/stored-run.js';
import { type Command, chosen, exactlyOne, misuse, parseLine, seconds, splitCommand } from './command.js';
import { changed, valueAt } from './config-change.js';
import { findRun } from './find-run.js';
import { type Handed, handAsArguments, handAsFile, handAsVariables } from './handed-config.js';
import { paramWords } from './param-words.js';
import type { Recorded } from './recorded-command.js';
import { plain } from './words.js';

const WAIT_SECONDS = 30;
const WAYS = ['file', 'env', 'args'] as const;
const FILES = ['json', 'yaml', 'toml'] as const;

const HELP = `Runs a command with the configuration of an earlier run, as a new run, and compares the two.

Usage: headrace reproduce <run> [options] -- <command> [arguments]

  run              An id, the beginning of one, or a name

Options:
  --set <k=v>      Another value for this param; may be given several times. What JSON takes for a value is that
                   value (0.1, true, [64,32], "1"), everything else is text
  --as <way>       How the command gets the configuration. Default: file
                     file   a file; its path is in HEADRACE_CONFIG, and stands for {} in the command
                     env    a variable for each param: optimizer_lr=0.01
                     args   --optimizer.lr=0.01 …, in the place of {}, or behind the other arguments
  --format <f>     Of the file: json, yaml or toml. Default: json
  --name <name>    Of the new run. Default: a random one
  --experiment <e> Default: the experiment of the earlier run
  --wait <s>       Seconds that the store may take to make the run. Default: ${WAIT_SECONDS}
  --uri <uri>      Where the runs are. Default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db
  -h, --help       This text

The command gets the new run as from headrace exec. Its tag headrace.reproduces is the earlier run's id. Params that the
command does not log itself are added when it has ended. The comparison goes to stderr.

Examples:
  headrace reproduce brisk-otter-1 -- python train.py --config {}
  headrace reproduce 3f2a --set optimizer.lr=0.001 --format yaml -- python train.py --config {}
  headrace reproduce 3f2a --as args -- node train.js
  headrace reproduce 3f2a --as env --set epochs=20 -- ./train.sh

Exit code: as of headrace exec; 1 if there is no such run.
`;

const OPTIONS = {
  set: { type: 'string', multiple: true },
  as: { type: 'string' },
  format: { type: 'string' },
  name: { type: 'string' },
  experiment: { type: 'string' },
  wait: { type: 'string' },
  uri: { type: 'string' },
} as const;

export const reproduceCommand: Command = {
  help: HELP,
  options: OPTIONS,
  choices: { as: WAYS, format: FILES },
  async run(args) {
    const { own, command } = splitCommand(args);
    const { values, words } = parseLine('reproduce', own, OPTIONS);
    const way = chosen('reproduce', 'as', values.as, WAYS);
    const format = chosen('reproduce', 'format', values.format, FILES);
    if (values.format !== undefined && way !== 'file')
      throw misuse('reproduce', `--format is for --as file, not for --as ${way}`);
    const changes = paramWords('reproduce', 'set', values.set ?? []);
    const waitMs = 1000 * seconds('reproduce', 'wait', values.wait, WAIT_SECONDS);
    const word = exactlyOne('reproduce', words, 'run');
    if (command.length === 0) throw misuse('reproduce', 'name a command after --');
    const { uri, name } = values;

    // With it come the tracker and its worker, which help has no use for.
    const { endAs, record } = await import('./recorded-command.js');
    const earlier = await runOf(uri, word);
    for (const key of changes.keys()) checkKey(key, earlier);
    const config = changed(earlier.config(), changes);
    const separator = earlier.tags.get(SEPARATOR_TAG);
    const handed = await hand(config, way, format, command);
    let recorded: Recorded;
    try {
      recorded = await record({
        command: handed.command,
        env: handed.env,
        uri,
        name,
        experiment: values.experiment ?? earlier.experimentName,
        // Its keys are joined in the same way.
        tags: { 'headrace.reproduces': earlier.id, ...(separator === undefined ? {} : { [SEPARATOR_TAG]: separator }) },
        waitMs,
        before: () => undefined,
        after: async (run, storeId) => {
          // Logged before, in another spelling than the command's own, it would be refused to the command.
          const { params } = await runOf(uri, storeId);
          const missing = [...earlier.params.keys()].filter((key) => !params.has(key));
          for (const key of missing) run.logParam(key, valueAt(config, key) ?? null);
          await run.flush();
        },
      });
    } finally {
      handed.remove();
    }
    if (recorded.storeId !== undefined) await tellDifference(uri, earlier.id, recorded.storeId);
    return endAs(recorded);
  },
};

/** The program would not look at a name that is wrong, and nobody would notice. */
function checkKey(key: string, { params }: StoredRun): void {
  if (params.has(key)) return;
  throw misuse('reproduce', `the run has no param ${JSON.stringify(key)}`, nearest(key, [...params.keys()]));
}

async function hand(
  config: ConfigTree,
  way: (typeof WAYS)[number],
  format: (typeof FILES)[number],
  command: readonly string[],
): Promise<Handed> {
  if (way === 'env') return await handAsVariables(config, command);
  if (way === 'args') return await handAsArguments(config, command);
  const omitted = (key: string): void => void process.stderr.write(`headrace: TOML has no null: ${plain(key)} is left out\n`);
  return await handAsFile(config, format, command, omitted);
}

async function runOf(uri: string | undefined, word: string): Promise<StoredRun> {
  await using runs = openRuns(uri);
  return await findRun(runs, word);
}

/** What the command's exit code says is not changed by a comparison that fails. */
async function tellDifference(uri: string | undefined, ...ids: string[]): Promise<void> {
  try {
    await using runs = openRuns(uri);
    const both = await Promise.all(ids.map((id) => runs.getRun(id)));
    const { formatTable } = await import('../comparing/table.js');
    const comparison = await compareRuns(both, { curvePoints: 0 });
    process.stderr.write(`\n${await formatTable(comparison, { onlyDifferent: true })}`);
  } catch (error) {
    process.stderr.write(`headrace: no comparison: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
