import { cp, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder for databases that is also the current folder, of headrace and of MLflow: artifact locations
 * derive from it.
 */
export class DatabaseFolder {
  readonly path: string;
  readonly #before: string;

  private constructor(path: string) {
    this.path = path;
    this.#before = process.cwd();
    process.chdir(path);
  }

  static async make(): Promise<DatabaseFolder> {
    return new DatabaseFolder(await realpath(await mkdtemp(join(tmpdir(), 'headrace-mlflow-'))));
  }

  file(name: string): string {
    return join(this.path, name);
  }

  uri(name: string): string {
    return `sqlite:///${this.file(name)}`;
  }

  /** Of a file that nobody has open: all is in it, nothing in a WAL beside it. */
  async copy(from: string, to: string): Promise<void> {
    await cp(this.file(from), this.file(to), { errorOnExist: true, force: false });
  }

  async remove(): Promise<void> {
    process.chdir(this.#before);
    await rm(this.path, { recursive: true, force: true });
  }
}
