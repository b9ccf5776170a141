import { basename } from 'node:path';
import type { ConfigFile } from '../params/config-file.js';
import { cutToCodePoints } from '../params/length.js';

/** Keys have 250 code points; the rest of the tag's key takes less than 50. */
const NAME_LENGTH = 200;

/**
 * Tags that say where a run's params came from, so that a later reader can find the same file and see
 * that it is the same: `headrace.config.<file name>.path`, `.sha256`, and `.omitted` for names of a .env
 * file that were left out. A second file of the same name in another folder gets `<file name>-2`.
 */
export class ConfigTags {
  private readonly pathsByRun = new Map<string, Map<string, string[]>>();
  private readonly notice: (text: string) => void;

  constructor(notice: (text: string) => void) {
    this.notice = notice;
  }

  of(runId: string, path: string, file: ConfigFile): [key: string, value: string][] {
    const stem = `headrace.config.${this.nameFor(runId, path)}`;
    const tags: [string, string][] = [
      [`${stem}.path`, path],
      [`${stem}.sha256`, file.sha256],
    ];
    if (file.omitted.length > 0) {
      tags.push([`${stem}.omitted`, file.omitted.join(', ')]);
      this.notice(`${path}: left out ${file.omitted.join(', ')}: the names look like secrets`);
    }
    return tags;
  }

  forget(runId: string): void {
    this.pathsByRun.delete(runId);
  }

  private nameFor(runId: string, path: string): string {
    const name = cutToCodePoints(basename(path).replace(/[^\p{L}\p{N}_.\- ]/gu, '_'), NAME_LENGTH);
    const names = this.pathsByRun.get(runId) ?? new Map<string, string[]>();
    this.pathsByRun.set(runId, names);
    const paths = names.get(name) ?? [];
    names.set(name, paths);
    if (!paths.includes(path)) paths.push(path);
    const place = paths.indexOf(path) + 1;
    return place === 1 ? name : `${name}-${place}`;
  }
}
