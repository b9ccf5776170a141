import type { BuildOptions } from 'esbuild';

/** A program of a test: what it depends on stays outside, as in what is shipped. */
export const PROGRAM_BUNDLE = {
  bundle: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  logLevel: 'error',
} as const satisfies BuildOptions;
