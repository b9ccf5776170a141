import { matches } from '../comparing/key-patterns.js';
import { openRuns } from '../reading/open-runs.js';
import type { StoredRun } from '../reading/stored-run.js';
import { atMostOne, type Command, count, misuse, parseLine } from './command.js';
import { runJson } from './run-json.js';
import { type Asked, commonMetrics, runsCsv, runsTable } from './runs-listing.js';
import { nearestKey, unknownKeys } from './unknown-keys.js';
import { keysOf } from './varying-params.js';
import { amount } from './words.js';

const LIMIT = 20;

/** Counted on behind the last one that is shown, and no further: the others have to be read for it. */
const COUNTED = 100;

const HELP = `Lists runs, the latest first: name, status, age, the params that vary among them, and metrics.

Usage: headrace runs [filter] [options]

  filter              Which runs, as in MLflow's search, with or, not and parentheses besides:
                      "params.lr < 0.01 and not status = 'FAILED'". Default: all

Options:
  --experiment <e>    Only of this experiment, by name or id; may be given several times
  --param <key>       Show this param, or several ("model.*"); may be given several times. Default: those that vary, as
                      many as there is room for
  --metric <key>      Show this metric, likewise. Default: those that most runs have
  --all               Show all params that vary and all metrics, however wide
  --order <key>       Such as "metrics.accuracy DESC"; may be given several times. Default: start_time DESC
  --limit <n>         Default: ${LIMIT}; 0: all
  --json              A JSON array of whole runs instead of a table
  --csv               Comma-separated values, with all params and metrics (or those asked for)
  --uri <uri>         Where the runs are. Default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db
  -h, --help          This text

Examples:
  headrace runs
  headrace runs "metrics.accuracy > 0.9" --order "metrics.accuracy DESC" --limit 5
  headrace runs --experiment digits --param "optimizer.*" --metric accuracy --metric loss
  headrace runs "params.optimizer = 'adam' or params.lr < 0.001" --csv > runs.csv
  headrace runs --limit 0 --json | jq -r '.[].id'

Exit code: 0, also if there is none; 1 if the store can't be read or the filter not understood; 2 if misused.
`;

const OPTIONS = {
  experiment: { type: 'string', multiple: true },
  param: { type: 'string', multiple: true },
  metric: { type: 'string', multiple: true },
  all: { type: 'boolean' },
  order: { type: 'string', multiple: true },
  limit: { type: 'string' },
  json: { type: 'boolean' },
  csv: { type: 'boolean' },
  uri: { type: 'string' },
} as const;

export const runsCommand: Command = {
  help: HELP,
  options: OPTIONS,
  async run(args) {
    const { values, words } = parseLine('runs', args, OPTIONS);
    const filter = atMostOne('runs', words, 'filter');
    const limit = count('runs', 'limit', values.limit, LIMIT) || Number.POSITIVE_INFINITY;
    if (values.json === true && values.csv === true) throw misuse('runs', '--json or --csv, not both');
    const { experiment, order: orderBy, param = [], metric = [], all: isWhole = false } = values;
    await using runs = openRuns(values.uri);
    const shown: StoredRun[] = [];
    let more = 0;
    const counted = Number.isFinite(limit) ? { limit: limit + COUNTED + 1 } : {};
    for await (const run of runs.searchRuns({ filter, experiment, orderBy, ...counted })) {
      if (shown.length < limit) shown.push(run);
      else more++;
    }
    const params = chosenKeys('param', param, keysOf(shown.map((run) => run.params)));
    const asked: Asked = { params, metrics: chosenKeys('metric', metric, commonMetrics(shown)), isWhole };
    process.stdout.write(
      values.json === true
        ? `${JSON.stringify(shown.map(runJson), undefined, 2)}\n`
        : values.csv === true
          ? runsCsv(shown, asked)
          : shown.length === 0
            ? 'no runs\n'
            : runsTable(shown, asked),
    );
    if (shown.length === 0)
      for (const told of await unknownKeys(runs, { filter, experiment })) process.stderr.write(`headrace: ${told}\n`);
    if (more > 0)
      process.stderr.write(
        `${more > COUNTED ? `more than ${COUNTED} more runs` : amount(more, 'more run')}: --limit ${hint(limit, more)}\n`,
      );
    return 0;
  },
};

function hint(limit: number, more: number): string {
  return more > COUNTED ? '0 shows all' : `${limit + more} shows ${more === 1 ? 'it' : 'them'}`;
}

/** A column of dashes tells nobody that the name is wrong. */
function chosenKeys(what: 'param' | 'metric', asked: readonly string[], known: readonly string[]): readonly string[] {
  if (known.length === 0) return asked;
  const found = asked.flatMap((pattern) => {
    const keys = known.filter((key) => matches(key, pattern));
    if (keys.length > 0) return keys;
    throw misuse('runs', `none of these runs has a ${what} ${JSON.stringify(pattern)}`, nearestKey(pattern, known));
  });
  return [...new Set(found)];
}
