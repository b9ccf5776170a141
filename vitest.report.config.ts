import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/report/**/*.test.ts'],
    globalSetup: ['test/report/global-setup.ts'],
    pool: 'forks',
    // A browser keeps more than a core busy.
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
