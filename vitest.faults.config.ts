import { defineConfig } from 'vitest/config';
import { FaultTable } from './test/faults/fault-table.js';

const isLong = process.env['HEADRACE_LONG'] === '1';

export default defineConfig({
  test: {
    include: ['test/faults/**/*.test.ts'],
    globalSetup: ['test/faults/global-setup.ts'],
    reporters: ['default', new FaultTable()],
    pool: 'forks',
    // A server, a program and what kills it keep two cores busy.
    maxWorkers: 2,
    // The long form takes hours.
    testTimeout: isLong ? 3_600_000 : 120_000,
    hookTimeout: 120_000,
  },
});
