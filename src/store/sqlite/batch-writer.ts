/** Writes batches within a transaction that somebody else opens and commits. */
import { BatchRefusedError, ParamConflictError } from '../../errors.js';
import { RUN_NAME_TAG } from '../run-tags.js';
import type { Batch, Item, Outcome, Pulse } from '../store.js';
import type { Connection, Named, Statement } from './driver.js';
import { failureOf, messageOf, resultCode } from './failure.js';
import { CHUNK_ROWS, RowInsert } from './row-insert.js';
import type { RunTable } from './run-table.js';

/** MLflow's storage rule for infinities: its SQL store replaces them by the largest double. */
const LARGEST = Number.MAX_VALUE;

/** A row was refused when part of its batch was written already. */
export class RowRefusedError extends Error {
  override readonly name = 'RowRefusedError';
}

/** A batch's candidate for `latest_metrics`: MLflow's order is by step, timestamp, value, with NaN as 0. */
class LatestMetric {
  step: number;
  timestamp: number;
  value: number;
  isNan: number;

  constructor(step: number, timestamp: number, value: number, isNan: number) {
    this.step = step;
    this.timestamp = timestamp;
    this.value = value;
    this.isNan = isNan;
  }

  offer(step: number, timestamp: number, value: number, isNan: number): void {
    if (step < this.step) return;
    if (step === this.step) {
      if (timestamp < this.timestamp) return;
      if (timestamp === this.timestamp && value <= this.value) return;
    }
    this.step = step;
    this.timestamp = timestamp;
    this.value = value;
    this.isNan = isNan;
  }
}

export class BatchWriter {
  private readonly connection: Connection;
  private readonly runs: RunTable;
  private readonly pulse: Pulse;
  private readonly params: RowInsert;
  private readonly metrics: RowInsert;
  private readonly nanMetrics: RowInsert;
  private readonly latestMetrics: RowInsert;
  private readonly tags: RowInsert;
  private readonly storedParam: Statement;
  /** For each param row that waits to be inserted, which item it is. */
  private readonly paramItems: Int32Array = new Int32Array(CHUNK_ROWS);
  private readonly latest = new Map<string, LatestMetric>();

  constructor(connection: Connection, runs: RunTable, pulse: Pulse) {
    this.connection = connection;
    this.runs = runs;
    this.pulse = pulse;
    this.params = new RowInsert(connection, {
      into: 'params (key, value, run_uuid)',
      row: '(?,?,@run)',
      width: 2,
      onConflict: 'DO NOTHING',
    });
    this.metrics = new RowInsert(connection, {
      into: 'metrics (key, value, timestamp, step, is_nan, run_uuid)',
      row: '(?,?,?,?,0,@run)',
      width: 4,
      onConflict: 'DO NOTHING',
    });
    this.nanMetrics = new RowInsert(connection, {
      into: 'metrics (key, value, timestamp, step, is_nan, run_uuid)',
      row: '(?,0,?,?,1,@run)',
      width: 3,
      onConflict: 'DO NOTHING',
    });
    this.latestMetrics = new RowInsert(connection, {
      into: 'latest_metrics (key, value, timestamp, step, is_nan, run_uuid)',
      row: '(?,?,?,?,?,@run)',
      width: 5,
      onConflict:
        '(key, run_uuid) DO UPDATE SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan ' +
        'WHERE (excluded.step, excluded.timestamp, excluded.value) > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)',
    });
    this.tags = new RowInsert(connection, {
      into: 'tags (key, value, run_uuid)',
      row: '(?,?,@run)',
      width: 2,
      onConflict: '(key, run_uuid) DO UPDATE SET value = excluded.value',
    });
    this.storedParam = connection.prepare('SELECT value FROM params WHERE key = ? AND run_uuid = @run');
  }

  /** RowRefusedError: the transaction has to be rolled back, and its batches written by `writeApart`. */
  write(batch: Batch): readonly Outcome[] {
    const refusal = this.runs.refusal(batch.runId);
    if (refusal !== undefined) return batch.items.map(() => refusal);
    try {
      return this.writeRows(batch);
    } catch (error) {
      throw failureOf(error) === 'item' ? new RowRefusedError(messageOf(error), { cause: error }) : error;
    }
  }

  /** Lands what can be landed and refuses row by row. Slow: SQLite keeps a copy of each page for the way back. */
  writeApart(batch: Batch): readonly Outcome[] {
    const refusal = this.runs.refusal(batch.runId);
    return refusal === undefined ? this.writePart(batch) : batch.items.map(() => refusal);
  }

  private writeRows({ runId, items }: Batch): readonly Outcome[] {
    const named: Named = { run: runId };
    const outcomes = new Array<Outcome>(items.length).fill(undefined);
    const params = this.params.values;
    const metrics = this.metrics.values;
    const nans = this.nanMetrics.values;
    const tags = this.tags.values;
    this.latest.clear();
    let paramRows = 0;
    let metricRows = 0;
    let nanRows = 0;
    let tagRows = 0;
    let runName = '';
    for (let i = 0; i < items.length; i++) {
      const item = items[i] as Item; // below its length
      if (item.kind === 'param') {
        params[paramRows * 2] = item.key;
        params[paramRows * 2 + 1] = item.value;
        this.paramItems[paramRows] = i;
        if (++paramRows === CHUNK_ROWS) {
          this.insertParams(named, paramRows, runId, outcomes);
          paramRows = 0;
        }
      } else if (item.kind === 'metric') {
        const { key, step, timestamp } = item;
        const isNan = Number.isNaN(item.value) ? 1 : 0;
        // SQLite itself stores -0 as 0.
        const value = isNan === 1 ? 0 : item.value === Infinity ? LARGEST : item.value === -Infinity ? -LARGEST : item.value;
        const latest = this.latest.get(key);
        if (latest === undefined) this.latest.set(key, new LatestMetric(step, timestamp, value, isNan));
        else latest.offer(step, timestamp, value, isNan);
        if (isNan === 1) {
          nans[nanRows * 3] = key;
          nans[nanRows * 3 + 1] = timestamp;
          nans[nanRows * 3 + 2] = step;
          if (++nanRows === CHUNK_ROWS) {
            this.insert(this.nanMetrics, named, nanRows);
            nanRows = 0;
          }
        } else {
          metrics[metricRows * 4] = key;
          metrics[metricRows * 4 + 1] = value;
          metrics[metricRows * 4 + 2] = timestamp;
          metrics[metricRows * 4 + 3] = step;
          if (++metricRows === CHUNK_ROWS) {
            this.insert(this.metrics, named, metricRows);
            metricRows = 0;
          }
        }
      } else {
        if (item.key === RUN_NAME_TAG) {
          // MLflow: an empty name is no renaming, and the tag stays too.
          if (item.value === '') continue;
          runName = item.value;
        }
        tags[tagRows * 2] = item.key;
        tags[tagRows * 2 + 1] = item.value;
        if (++tagRows === CHUNK_ROWS) {
          this.insert(this.tags, named, tagRows);
          tagRows = 0;
        }
      }
    }
    if (paramRows > 0) this.insertParams(named, paramRows, runId, outcomes);
    if (metricRows > 0) this.insert(this.metrics, named, metricRows);
    if (nanRows > 0) this.insert(this.nanMetrics, named, nanRows);
    if (tagRows > 0) this.insert(this.tags, named, tagRows);
    if (this.latest.size > 0) this.insertLatest(named);
    if (runName !== '') this.runs.rename(runId, runName);
    return outcomes;
  }

  private insert(rows: RowInsert, named: Named, count: number): number {
    const written = rows.insert(named, count);
    this.pulse.beat();
    return written;
  }

  /** The database decides who was first: a key that was there already is read back and compared. */
  private insertParams(named: Named, rows: number, runId: string, outcomes: Outcome[]): void {
    if (this.insert(this.params, named, rows) === rows) return;
    for (let row = 0; row < rows; row++) {
      // Filled by `writeRows`: key and value are texts, and every row has its item.
      const key = this.params.values[row * 2] as string;
      const newValue = this.params.values[row * 2 + 1] as string;
      const storedValue = this.storedParam.get(named, [key])?.value;
      if (storedValue === newValue) continue;
      outcomes[this.paramItems[row] as number] = new ParamConflictError({
        runId,
        key,
        storedValue: String(storedValue),
        newValue,
      });
    }
    this.pulse.beat();
  }

  private insertLatest(named: Named): void {
    const { values } = this.latestMetrics;
    let rows = 0;
    for (const [key, { value, timestamp, step, isNan }] of this.latest) {
      values[rows * 5] = key;
      values[rows * 5 + 1] = value;
      values[rows * 5 + 2] = timestamp;
      values[rows * 5 + 3] = step;
      values[rows * 5 + 4] = isNan;
      if (++rows === CHUNK_ROWS) {
        this.insert(this.latestMetrics, named, rows);
        rows = 0;
      }
    }
    if (rows > 0) this.insert(this.latestMetrics, named, rows);
  }

  /** Halves the batch until the rows at fault stand alone. */
  private writePart(batch: Batch): readonly Outcome[] {
    this.connection.exec('SAVEPOINT part');
    try {
      const outcomes = this.writeRows(batch);
      this.connection.exec('RELEASE part');
      return outcomes;
    } catch (error) {
      if (failureOf(error) !== 'item') throw error;
      this.connection.exec('ROLLBACK TO part; RELEASE part');
      const { runId, items } = batch;
      if (items.length === 1) return [refused(runId, error)];
      const middle = items.length >>> 1;
      return [
        ...this.writePart({ runId, items: items.slice(0, middle) }),
        ...this.writePart({ runId, items: items.slice(middle) }),
      ];
    }
  }
}

/** The store's own refusal of a row, for a reason that headrace does not know of (a trigger, a constraint). */
export function refused(runId: string, error: unknown): BatchRefusedError {
  return new BatchRefusedError({ runId, errorCode: resultCode(error) ?? 'SQLITE_MISUSE', reason: messageOf(error) });
}
