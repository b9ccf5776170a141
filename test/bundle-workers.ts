import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const sources: string = fileURLToPath(new URL('../workers', import.meta.url));
const bundles: string = fileURLToPath(new URL('../.test-workers', import.meta.url));

/**
 * Vitest transforms what a test imports, not the file that a Worker loads: those run from bundles.
 * `splitting` keeps a module that two worker entries share one instance.
 */
export default async function bundleWorkers(): Promise<void> {
  const entries = readdirSync(sources).filter((name) => name.endsWith('.ts'));
  mkdirSync(bundles, { recursive: true });
  try {
    const { outputFiles } = await build({
      entryPoints: entries.map((name) => join(sources, name)),
      outdir: bundles,
      bundle: true,
      packages: 'external',
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      sourcemap: true,
      write: false,
      logLevel: 'error',
    });
    for (const { path, contents } of outputFiles) replaceFile(path, contents);
  } catch (error) {
    // Tests that start no worker still say something; those that do must not run against an older bundle.
    const message = JSON.stringify(`workers/ can't be bundled: ${error instanceof Error ? error.message : String(error)}`);
    for (const name of entries) {
      replaceFile(join(bundles, `${basename(name, '.ts')}.js`), new TextEncoder().encode(`throw new Error(${message});\n`));
    }
  }
}

/** By rename, and only when it changed: another test run may be loading the file at this moment. */
function replaceFile(path: string, contents: Uint8Array): void {
  if (same(path, contents)) return;
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, contents);
  renameSync(draft, path);
}

function same(path: string, contents: Uint8Array): boolean {
  try {
    return readFileSync(path).equals(contents);
  } catch {
    return false;
  }
}
