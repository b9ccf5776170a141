import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Stored } from '../tracker/stored.js';
import { headrace, type Said } from './command.js';

async function two(): Promise<Stored> {
  const stored = new Stored();
  const tracker = stored.tracker();
  for (const [name, lr] of [
    ['slow', 0.001],
    ['fast', 0.1],
  ] as const) {
    // biome-ignore format: pairs
    const run = tracker.startRun({ name, params: { optimizer: { lr }, epochs: 10 } });
    for (let step = 0; step < 5; step++) run.logMetric('accuracy', lr * step, step);
    await run.end();
  }
  await tracker.close();
  return stored;
}

function compare(stored: Stored, ...args: string[]): Promise<Said> {
  return headrace(stored.folder, ['compare', '--uri', stored.uri, ...args]);
}

describe('two runs', () => {
  test('what differs is not told, or what is equal is when it is not wanted', async () => {
    const stored = await two();
    const all = await compare(stored, 'slow', 'fast');
    expect([all.code, all.stderr]).toEqual([0, '']);
    expect(all.stdout).toMatch(/optimizer\.lr +different +0\.001 +0\.1/);
    expect(all.stdout).toMatch(/epochs +equal +10 +10/);
    const different = await compare(stored, 'slow', 'fast', '--only-different');
    expect(different.stdout).toMatch(/optimizer\.lr +different +0\.001 +0\.1/);
    expect(different.stdout).not.toContain('epochs');
    expect((await compare(stored, 'slow', 'fast', '--ignore', '*lr')).stdout).not.toContain('different');
    expect((await compare(stored, 'slow', 'fast', '--nested')).stdout).toMatch(/\noptimizer\n {2}lr +different/);
  });

  test('a search finds other ones', async () => {
    const stored = await two();
    const { runs } = JSON.parse(
      (await compare(stored, '--filter', 'params.optimizer.lr > 0', '--order', 'metrics.accuracy DESC', '--json')).stdout,
    );
    expect(runs.map(({ name }: { name: string }) => name)).toEqual(['fast', 'slow']);
  });

  test('an output is another one than was asked for', async () => {
    const stored = await two();
    expect((await compare(stored, 'slow', 'fast', '--markdown')).stdout).toContain('| optimizer.lr | different | 0.001 | 0.1 |');
    expect((await compare(stored, 'slow', 'fast', '--csv')).stdout).toMatch(/^run_id,name,.*params\.optimizer\.lr/);
    const html = await compare(stored, 'slow', 'fast', '--html', 'report.html');
    expect([html.code, html.stderr]).toEqual([0, 'headrace: report.html written\n']);
    expect(readFileSync(join(stored.folder, 'report.html'), 'utf8')).toMatch(/^<!doctype html>/i);
  });

  test('many params that are equal hide those that differ, or can not be had', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const equal = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`same${i}`, i]));
    for (const [name, lr] of [
      ['slow', 0.001],
      ['fast', 0.1],
    ] as const) {
      // biome-ignore format: pairs
      await tracker.startRun({ name, params: { ...equal, lr } }).end();
    }
    await tracker.close();
    const said = await compare(stored, 'slow', 'fast');
    expect([said.code, said.stderr]).toEqual([0, '--all shows the params that are equal, too\n']);
    expect(said.stdout).toMatch(/lr +different +0\.001 +0\.1\n30 of 31 params are equal and not shown\.\n/);
    expect(said.stdout).not.toContain('same1');
    const all = await compare(stored, 'slow', 'fast', '--all');
    expect([all.stderr, all.stdout.match(/same\d+ +equal/g)?.length]).toEqual(['', 30]);
    for (const format of ['--csv', '--json', '--markdown']) {
      const other = await compare(stored, 'slow', 'fast', format);
      expect([other.stderr, other.stdout.includes('same29')]).toEqual(['', true]);
    }
  });

  test('names and a search, or two outputs, are taken together', async () => {
    const stored = await two();
    const said = await Promise.all([
      compare(stored, 'slow', 'fast', '--filter', 'params.optimizer.lr > 0'),
      compare(stored, 'slow', 'fast', '--csv', '--json'),
      compare(stored, 'slow', 'fast', '--all', '--only-different'),
      compare(stored, 'slow', 'fats'),
    ]);
    expect(said.map(({ code }) => code)).toEqual([2, 2, 2, 1]);
    expect(said[3]?.stderr).toContain('Did you mean fast?');
  });
});
