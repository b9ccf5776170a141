import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A segment is known by its number, and by a salt that its checksums begin with: so a frame of another file never counts. */
export interface SegmentName {
  readonly number: number;
  /** In the file's header too. Here as well, so that a damaged header costs no frame. */
  readonly salt: number;
  readonly path: string;
}

export interface Listing {
  /** By number. */
  readonly segments: readonly SegmentName[];
  /** Files that have our ending and yet are not ours. */
  readonly foreign: readonly string[];
}

const ENDING = '.journal';
const PATTERN = /^(\d{8,10})-([0-9a-f]{8})\.journal$/;
export const MAX_SEGMENT: number = 2 ** 32 - 1;

/** The file of acknowledgements. */
export function acknowledgementsPath(folder: string): string {
  return join(folder, `landed${ENDING}`);
}

export function segmentName(folder: string, number: number, salt: number): SegmentName {
  const digits = String(number).padStart(8, '0');
  return { number, salt, path: join(folder, `${digits}-${salt.toString(16).padStart(8, '0')}${ENDING}`) };
}

export function listSegments(folder: string): Listing {
  const segments: SegmentName[] = [];
  const foreign: string[] = [];
  for (const file of readdirSync(folder)) {
    const path = join(folder, file);
    if (!file.endsWith(ENDING) || path === acknowledgementsPath(folder)) continue;
    const [, number, salt] = PATTERN.exec(file) ?? [];
    if (number === undefined || salt === undefined || Number(number) > MAX_SEGMENT) foreign.push(path);
    else segments.push({ number: Number(number), salt: Number.parseInt(salt, 16), path });
  }
  // Of two with one number (a copy under another name) the header tells which is ours.
  return { segments: segments.sort((a, b) => a.number - b.number), foreign: foreign.sort() };
}
