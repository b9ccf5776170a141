// @ts-check
// Makes dist: a file or two for the caller's side, one for the pool's worker, one for each command. As some sixty
// modules they took twice as long to import; what they depend on stays outside.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const top = fileURLToPath(new URL('..', import.meta.url));

rmSync(`${top}dist`, { recursive: true, force: true });
/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: top,
  outdir: 'dist',
  bundle: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  logLevel: 'warning',
};
// On their own: the worker shares nothing with the caller's side, and of tfjs there is nothing that may not be there twice.
await build({ ...common, entryPoints: { 'src/tfjs': 'src/tfjs.ts', 'workers/lane': 'workers/lane.ts' } });
// Split: what both have, with its state and its classes, must be there once. In src, as it counts its paths from there.
await build({
  ...common,
  entryPoints: { 'src/index': 'src/index.ts', 'src/fluent': 'src/fluent.ts' },
  splitting: true,
  chunkNames: 'src/[name]-[hash]',
});
// Split: a command is loaded when it is asked for. The parts stand beside src, as the worker's path counts from a folder of dist.
await build({
  ...common,
  entryPoints: { 'src/cli/main': 'src/cli/main.ts' },
  splitting: true,
  chunkNames: 'commands/[name]-[hash]',
});
