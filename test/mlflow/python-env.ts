import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The MLflow that `npm run test:mlflow` always runs against. */
export const PINNED_MLFLOW = '3.17.2';

/** What the long form (`HEADRACE_LONG=1`) adds where MLflow works on a database file, oldest first. */
export const OLDER_MLFLOWS: readonly string[] = ['2.22.5', '3.0.1', '3.3.2', '3.4.0', '3.12.0'];

/** What MLflow's app `basic-auth` needs besides MLflow. */
export const AUTH_REQUIREMENTS: readonly string[] = ['Flask-WTF<2'];

/** What MLflow needs besides to keep its runs in PostgreSQL. */
export const POSTGRES_REQUIREMENTS: readonly string[] = ['psycopg2-binary<3'];

/** These die on start with SQLAlchemy 2.1 ("cannot import name 'FallbackAsyncAdaptedQueuePool'"). */
const NEEDS_OLD_SQLALCHEMY: ReadonlySet<string> = new Set(['2.22.5', '3.0.1', '3.3.2', '3.4.0']);

/** Every version above has wheels for these; MLflow 3.17 refuses 3.9, the oldest ones have nothing for 3.13. */
const PYTHONS: readonly string[] = ['python3', 'python3.11', 'python3.12', 'python3.10'];
const PYTHON_VERSION = /^3\.1[0-2]\./;

const INSTALL_TIMEOUT_MS = 15 * 60_000;

/**
 * Path of a Python interpreter that has this MLflow (and `extra` packages), in a virtual environment
 * outside the tree; made when it is missing, which takes minutes and needs the network.
 */
export async function mlflowPython(version: string, extra: readonly string[] = []): Promise<string> {
  const base = await findPython();
  const requirements = [`mlflow==${version}`, ...(NEEDS_OLD_SQLALCHEMY.has(version) ? ['sqlalchemy<2.1'] : []), ...extra];
  const digest = createHash('sha256')
    .update(JSON.stringify([base, requirements]))
    .digest('hex')
    .slice(0, 12);
  const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'headrace', 'python');
  const marker = join(folder, `mlflow-${version}-${digest}.ready`);
  const lock = `${marker}.lock`;
  await mkdir(folder, { recursive: true });

  for (;;) {
    const ready = await readText(marker);
    if (ready !== undefined && existsSync(ready)) return ready;
    if (await takeLock(lock)) break;
    await sleep(500);
  }
  try {
    return await build(base, requirements, join(folder, `mlflow-${version}-${digest}.${process.pid}`), marker);
  } finally {
    await rm(lock, { force: true });
  }
}

/**
 * An environment can't be moved once it is made (its scripts hold its path), so each builder has a folder
 * of its own and the marker, which names the folder, appears by rename when all is done: two builders at
 * once cost time, never a broken environment.
 */
async function build(base: Python, requirements: readonly string[], folder: string, marker: string): Promise<string> {
  const wanted = requirements.join(' ');
  process.stderr.write(`making a Python environment with ${wanted} in ${folder} (takes minutes, once)\n`);
  const python = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  try {
    await rm(folder, { recursive: true, force: true });
    await run(base.command, ['-m', 'venv', folder], { timeout: INSTALL_TIMEOUT_MS });
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...requirements], {
      timeout: INSTALL_TIMEOUT_MS,
      maxBuffer: 64 * 1024 * 1024,
    });
    await run(python, ['-c', 'import mlflow'], { timeout: 120_000 });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw new Error(
      `no Python environment with ${wanted} could be made with ${base.command} ${base.version}: it needs the network ` +
        `(or a pip cache) and Python's venv module. ${lastLines(error)}`,
      { cause: error },
    );
  }
  await writeFile(`${marker}.${process.pid}`, python);
  await rename(`${marker}.${process.pid}`, marker);
  return python;
}

interface Python {
  readonly command: string;
  readonly version: string;
}

async function findPython(): Promise<Python> {
  const seen: string[] = [];
  for (const command of PYTHONS) {
    try {
      const { stdout } = await run(command, ['-c', 'import platform; print(platform.python_version())']);
      const version = stdout.trim();
      if (PYTHON_VERSION.test(version)) return { command, version };
      seen.push(`${command} is ${version}`);
    } catch {
      seen.push(`${command} does not run`);
    }
  }
  throw new Error(`the MLflow tests need Python 3.10, 3.11 or 3.12 on PATH (${seen.join(', ')})`);
}

/** True when this process holds the lock now; a lock whose owner is gone is taken away. */
async function takeLock(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const owner = Number(await readText(lock));
  // An empty file is a lock whose owner is about to write its id into it.
  if (owner > 0 && !isAlive(owner)) await rm(lock, { force: true });
  return false;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}

function lastLines(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error && typeof error.stderr === 'string' ? error.stderr : '';
  return stderr.trim().split('\n').slice(-3).join(' / ') || String(error);
}
