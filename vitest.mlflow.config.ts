import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/mlflow/**/*.test.ts'],
    setupFiles: ['test/journals-apart.ts'],
    globalSetup: ['test/mlflow/global-setup.ts'],
    pool: 'forks',
    // Each file has one server at a time; a server and its clients keep a core busy.
    maxWorkers: 2,
    // Importing MLflow takes seconds, starting a server that migrates a file tens of them; in the long form
    // a test may also make an environment for an older MLflow first.
    testTimeout: process.env['HEADRACE_LONG'] === '1' ? 1_200_000 : 120_000,
    hookTimeout: process.env['HEADRACE_LONG'] === '1' ? 1_200_000 : 120_000,
  },
});
