import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/postgres/**/*.test.ts'],
    setupFiles: ['test/journals-apart.ts'],
    globalSetup: ['test/postgres/global-setup.ts'],
    pool: 'forks',
    // The server that all files share keeps a core busy by itself.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
