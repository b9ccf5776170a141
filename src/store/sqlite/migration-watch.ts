/**
 * Decides whether waiting may mend a missing table. MLflow makes and migrates a file statement by
 * statement without a transaction around them, so another process sees tables missing in between; as
 * long as the schema keeps changing, that is the likely reason.
 */

/** A statement that takes long holds the write lock, which shows as busy; between two there is only MLflow's own work. */
const PATIENCE_MS = 2000;

export class MigrationWatch {
  private version = -1;
  private since = 0;

  /** `schemaVersion`: SQLite's own counter of changes to the schema. */
  mayMend(schemaVersion: number, now: number = Date.now()): boolean {
    if (schemaVersion !== this.version) {
      this.version = schemaVersion;
      this.since = now;
    }
    return now - this.since < PATIENCE_MS;
  }
}
