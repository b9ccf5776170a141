import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/mlflow/**', 'test/faults/**', 'test/report/**', 'test/postgres/**'],
    setupFiles: ['test/journals-apart.ts'],
    globalSetup: ['test/bundle-workers.ts'],
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
