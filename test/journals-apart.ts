/** Journals of a test file go to a folder of its own: none is left in the project, and none is another file's leftover. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'headrace-journals-'));
process.env['HEADRACE_DIR'] = folder;

afterAll(() => rmSync(folder, { recursive: true, force: true }));
