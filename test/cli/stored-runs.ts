/** Runs in a SQLite file, as commands have left them. */
import { join } from 'node:path';
import { newFolder } from '../journal/folder.js';
import { type Rows, rowsOf } from '../store/database-rows.js';

export interface FoundRun {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly experiment: string;
  readonly hasEnd: boolean;
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

export class RunsPlace {
  readonly folder: string = newFolder();
  readonly path: string = join(this.folder, 'runs.db');
  readonly uri: string = `sqlite:///${this.path}`;
  private readonly rows: Rows = rowsOf(this.path);

  /** The oldest first. */
  runs(): FoundRun[] {
    return this.rows(
      'SELECT r.*, e.name AS experiment FROM runs r JOIN experiments e USING (experiment_id) ORDER BY start_time',
    ).map((row) => ({
      id: String(row.run_uuid),
      name: String(row.name),
      status: String(row.status),
      experiment: String(row.experiment),
      hasEnd: row.end_time !== null,
      params: this.pairs('params', String(row.run_uuid)),
      tags: this.pairs('tags', String(row.run_uuid)),
    }));
  }

  only(): FoundRun {
    const [run, ...others] = this.runs();
    if (run === undefined || others.length > 0)
      throw new Error(`${others.length + (run === undefined ? 0 : 1)} runs, expected one`);
    return run;
  }

  private pairs(table: 'params' | 'tags', runId: string): Record<string, string> {
    const rows = this.rows(`SELECT key, value FROM ${table} WHERE run_uuid = ? ORDER BY key`, runId);
    return Object.fromEntries(rows.map(({ key, value }) => [String(key), String(value)]));
  }
}
