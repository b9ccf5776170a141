/** A real Chromium, by its command line, that can reach nothing but this machine. */
import { execFile } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const NAMES: readonly string[] = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** `HEADRACE_CHROMIUM` or the first on PATH. There is no skipping: a report that nobody opened is not known to open. */
export function findChromium(): string {
  const chosen = process.env['HEADRACE_CHROMIUM'];
  const places = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = chosen ? [chosen] : NAMES.flatMap((name) => places.map((folder) => join(folder, name)));
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  throw new Error(
    `the report's tests open it in a real Chromium, and there is none (looked for ${chosen ?? `${NAMES.join(', ')} on PATH`}): ` +
      'install one (Debian: apt-get install chromium) or name it in HEADRACE_CHROMIUM',
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What it wrote to stdout. Names resolve to nothing; 127.0.0.1 is left, so that a test can see what would be asked for. */
export async function chromium(args: readonly string[], url: string): Promise<string> {
  const profile = mkdtempSync(join(tmpdir(), 'headrace-chromium-'));
  const isRoot = process.getuid?.() === 0;
  try {
    const { stdout } = await run(
      findChromium(),
      [
        '--headless',
        // Its sandbox does not start for root, which a container's user often is.
        ...(isRoot ? ['--no-sandbox'] : []),
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
        `--user-data-dir=${profile}`,
        '--virtual-time-budget=4000',
        ...args,
        url,
      ],
      { timeout: 90_000, maxBuffer: 64 * 1024 * 1024 },
    );
    return stdout;
  } finally {
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
