import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const sources = fileURLToPath(new URL('../../src', import.meta.url));

test('headrace/tfjs names no package of TensorFlow.js, so it is used and type-checked without one, or with any', () => {
  const files = ['tfjs.ts', ...readdirSync(`${sources}/tfjs`).map((name) => `tfjs/${name}`)];
  for (const file of files) expect(readFileSync(`${sources}/${file}`, 'utf8')).not.toContain('@tensorflow');
});
