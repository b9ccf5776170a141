import { type Answer, atLeast, type Row } from '../question.js';
import { inProcess } from '../server/process.js';
import { ratios, row } from '../server/row.js';
import { median } from '../statistics.js';
import { inFolder } from './folder.js';
import { GROUP, type JournalWrites } from './journal-writes.js';
import type { DurabilityQuestion } from './question.js';

const MEGA = 1e6;

export const question: DurabilityQuestion = {
  title: 'records through the journal, beside fs.writeSync of the same bytes in pieces of 64 KiB',
  async ask(scale): Promise<Answer> {
    const rounds = scale.of(5, 2);
    const records = { metrics: scale.of(1_000_000, 100_000), params: scale.of(400_000, 60_000) };
    const rows: Row[] = [];
    for (const kind of ['metrics', 'params'] as const) {
      for (const durability of ['os', 'fsync'] as const) {
        rows.push(...(await askOne({ kind, durability, records: records[kind], rounds })));
      }
    }
    return { sizes: { rounds, ...records, 'records in a group, which is written and synced': GROUP }, rows };
  },
};

async function askOne(input: JournalWrites): Promise<Row[]> {
  const { kind, durability, records } = input;
  const times = await inFolder((folder) => inProcess('journalWrites', input, folder));
  const whole = times.append.map((seconds, round) => seconds + (times.write[round] as number)); // as many of both
  const rates = (seconds: readonly number[]): number[] => ratios(times.bytes, seconds).map((rate) => rate / MEGA);
  const beside = ratios(times.plain, whole);
  const alone = ratios(times.plain, times.write);
  const what = `${kind}, ${durability === 'os' ? 'page cache' : 'fdatasync of each group'}`;
  const each = (seconds: readonly number[]): string => ((median(seconds) * 1e9) / records).toFixed(0);
  return [
    row(`${what}: journal`, 'MB/s', rates(whole), {
      note:
        `${(median(times.bytes) / records).toFixed(1)} bytes a record; of its time ${each(times.append)} ns to make them, ` +
        `${each(times.write)} ns to write them, which alone is ${median(alone).toFixed(2)} times as fast as fs.writeSync`,
    }),
    row(`${what}: fs.writeSync`, 'MB/s', rates(times.plain)),
    row(`${what}: journal beside it`, 'times', beside, { target: atLeast(median(beside), 0.8, '≥ 0.8') }),
  ];
}
