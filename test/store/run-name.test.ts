import { expect, test } from 'vitest';
import { randomRunName } from '../../src/store/run-name.js';

test('names are adjective-noun-number of at most 20 characters, at both ends of the lists too', () => {
  const almostOne = 1 - Number.EPSILON;
  const names = [randomRunName(() => 0), randomRunName(() => almostOne), ...Array.from({ length: 5000 }, () => randomRunName())];
  for (const name of names) {
    expect(name).toMatch(/^[a-z]+-[a-z]+-\d{1,3}$/);
    expect(name.length).toBeLessThanOrEqual(20);
  }
  expect(names[0]).toMatch(/-0$/);
  expect(names[1]).toMatch(/-999$/);
});

test('runs started together rarely share a name', () => {
  expect(new Set(Array.from({ length: 1000 }, () => randomRunName())).size).toBeGreaterThan(990);
});
