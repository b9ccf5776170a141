import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import type { Arguments } from './arguments.js';
import type { Answer } from './question.js';
import { renderTable } from './table.js';

const RESULTS = new URL('../../bench/results/', import.meta.url);

export interface Asked extends Answer {
  readonly name: string;
  /** What was asked, and of whom if there are several. */
  readonly title: string;
  readonly seconds: number;
}

/** Where and when. To be taken before the first question: `load` is what others did on the machine in the minute before. */
export function machineNow() {
  return {
    date: new Date().toISOString(),
    node: process.version,
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    load: loadavg()[0] ?? 0,
  };
}

/** Asks, tells progress on stderr, and takes the time. */
export async function timed(name: string, title: string, ask: () => Promise<Answer>): Promise<Asked> {
  process.stderr.write(`${title} …`);
  const startedAt = performance.now();
  const answer = await ask();
  const seconds = (performance.now() - startedAt) / 1000;
  process.stderr.write(` ${seconds.toFixed(0)} s\n`);
  return { name, title, seconds, ...answer };
}

/**
 * Prints the table, and writes it as JSON to `bench/results/<prefix>latest.json` when it is whole: that is worth keeping
 * in the repository. Anything else is a local look (see .gitignore). `beside`: what else the figures depend on; `proven`: what
 * was counted.
 */
export function report(
  prefix: string,
  { names, scale, whole }: Arguments<string>,
  machine: ReturnType<typeof machineNow>,
  beside: string,
  answers: readonly Asked[],
  proven = 'Every record landed',
): void {
  const { date, node, cores, processor, load } = machine;
  console.log(
    `${date}, ${scale.name}, Node ${node}, ${beside}${cores} cores (${processor}), load average before ${load.toFixed(2)}`,
  );
  for (const [name, { sizes }] of new Map(answers.map((answer) => [answer.name, answer]))) {
    const listed = Object.entries(sizes).map(
      ([size, value]) => `${size} ${typeof value === 'number' ? value.toLocaleString('en-US') : value}`,
    );
    console.log(`${name}: ${listed.join(', ')}`);
  }
  const isQuick = scale.name === 'quick';
  console.log(renderTable(answers, !isQuick));
  console.log(`${proven}. ${isQuick ? 'Too little was measured to judge the targets.' : verdict(answers)}`);
  const file = whole ? `${prefix}latest.json` : `${prefix}${isQuick ? 'quick' : names.join('-')}.local.json`;
  mkdirSync(RESULTS, { recursive: true });
  const content = { ...machine, scale: scale.name, beside, questions: answers };
  writeFileSync(new URL(file, RESULTS), `${JSON.stringify(content, undefined, 2)}\n`);
}

function verdict(answers: readonly Asked[]): string {
  const missed = answers.flatMap(({ rows }) => rows.filter(({ target }) => target?.reached === false));
  if (missed.length === 0) return 'Every target is reached.';
  return `${missed.length} not reached: ${missed.map(({ what }) => what).join('; ')}`;
}
