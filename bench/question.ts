/** What a benchmark file offers: scenarios, each run in a process of its own, and the question they answer together. */

/** How much is measured. `full` is for figures that are quoted, `quick` shows that everything still runs. */
export interface Scale {
  readonly name: 'full' | 'quick';
  /** Picks by scale. */
  of<T>(full: T, quick: T): T;
}

/** Runs in a fresh process, in an empty folder that is removed afterwards. Input and result cross as structured clones. */
export type Scenario = (input: never) => Promise<unknown>;
export type Scenarios = Readonly<Record<string, Scenario>>;

export type Measure<S extends Scenarios> = <K extends keyof S & string>(
  scenario: K,
  input: Parameters<S[K]>[0],
) => Promise<Awaited<ReturnType<S[K]>>>;

/** What the figures of a row were timed by. */
export type Clock =
  /** A loop over many calls, divided: for costs far below a clock reading. */
  | 'loop'
  /** `performance.now()` around each call; its own cost (some 45 ns) is in the figure. */
  | 'call'
  /** tinybench: around each call, its own cost taken off. */
  | 'tinybench'
  /** Once around the whole. */
  | 'whole'
  | '-';

export interface Row {
  readonly what: string;
  readonly unit: string;
  readonly clock: Clock;
  /** Median over the rounds. */
  readonly median: number;
  readonly range: readonly [low: number, high: number];
  /** Of single calls, by a clock around each; medians over the rounds, `max` is the longest of all. */
  readonly tail?: { readonly p99: number; readonly p999: number; readonly max: number };
  readonly rounds: number;
  readonly target?: Target;
  readonly note?: string;
}

export interface Target {
  readonly text: string;
  readonly reached: boolean;
}

export interface Answer {
  /** Sizes that the figures depend on, for the JSON file and the line above the rows. */
  readonly sizes: Readonly<Record<string, number | string>>;
  readonly rows: readonly Row[];
}

export interface Question<S extends Scenarios = Scenarios> {
  readonly title: string;
  readonly scenarios: S;
  ask(measure: Measure<S>, scale: Scale): Promise<Answer>;
}

export function atMost(value: number, limit: number, text: string): Target {
  return { text, reached: value <= limit };
}

export function atLeast(value: number, limit: number, text: string): Target {
  return { text, reached: value >= limit };
}

/** Checks `ask` against the question's own scenarios; from outside all questions are alike. */
export function ask<S extends Scenarios>(question: Question<S>): Question {
  // `measure` hands names and inputs to a process that looks them up in these very scenarios.
  return question as unknown as Question;
}
