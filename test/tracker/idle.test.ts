import { describe, expect, test } from 'vitest';
import { Child, useChildren } from '../exit/child.js';
import { Stored } from './stored.js';

useChildren();

describe('an idle tracker', () => {
  test.each(['never awaits', 'is quiet'])('does not keep the process alive: %s', async (scene) => {
    const stored = new Stored();
    const ended = await new Child('idle.ts', [scene, stored.uri]).ended;
    expect([ended.code, ended.stdout, ended.stderr]).toEqual([0, 'over\n', '']);
    expect(ended.endingMs).toBeLessThan(3000);
    expect(stored.count('params')).toBe(1);
  });

  test('does not spin', async () => {
    const ended = await new Child('idle.ts', ['costs', new Stored().uri]).ended;
    // Of one processor, over two seconds.
    expect(Number(/share ([\d.]+)/.exec(ended.stdout)?.[1])).toBeLessThan(0.05);
  });
});

describe('a pending await keeps it alive', () => {
  test.each(['awaits a receipt', 'awaits a flush', 'awaits an end', 'awaits close', 'awaits durable', 'awaits storeId'])(
    '%s',
    async (scene) => {
      const stored = new Stored();
      await stored.tracker().startRun().end();
      const lock = stored.lock();
      const child = new Child('idle.ts', [scene, stored.uri]);
      // Longer than a process takes that nothing holds.
      const early = await Promise.race([child.ended, new Promise((resolve) => setTimeout(resolve, 1000, 'alive'))]);
      expect(early).toBe('alive');
      lock.release();
      const ended = await child.ended;
      expect([ended.code, ended.stdout, ended.stderr]).toEqual([0, 'landed\n', '']);
    },
  );
});
