import { readdirSync } from 'node:fs';
import Table from 'cli-table3';
import type { Reporter, TestCase, TestSpecification, Vitest } from 'vitest/node';
import { FAULTS, type FaultRow } from './fault-row.js';

/** Prints what every fault did. One that never happened is a failure of the whole. */
export class FaultTable implements Reporter {
  readonly #rows: FaultRow[] = [];
  #isPart = false;

  onInit({ config }: Vitest): void {
    this.#isPart = config.testNamePattern !== undefined;
  }

  onTestRunStart(specifications: readonly TestSpecification[]): void {
    const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.test.ts'));
    if (specifications.length < files.length) this.#isPart = true;
  }

  onTestCaseResult(test: TestCase): void {
    this.#rows.push(...(test.meta().faults ?? []));
  }

  onTestRunEnd(): void {
    const table = new Table({
      head: ['fault', 'where', 'fired', 'logged', 'landed', 'lost', 'doubled', 'wrong', ''],
      colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'right', 'left'],
      // Colours would stand in a file that the output is sent to.
      style: { head: [], border: [], compact: true },
    });
    for (const fault of FAULTS) {
      const rows = this.#rows.filter((row) => row.fault === fault);
      for (const row of rows) {
        const { where, fired, logged, landed, lost, doubled, wrong, note = '' } = row;
        table.push([fault, where, fired, logged, landed, lost, doubled, wrong, note]);
      }
      if (this.#isPart || rows.some(({ fired }) => fired > 0)) continue;
      table.push([fault, '', 0, '', '', '', '', '', 'NEVER HAPPENED']);
      process.exitCode = 1;
    }
    process.stdout.write(`${table.toString()}\n`);
  }
}
