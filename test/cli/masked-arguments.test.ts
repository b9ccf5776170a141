import { expect, test } from 'vitest';
import { maskedArguments } from '../../src/cli/masked-arguments.js';

test.each<[words: string[], shown: string[]]>([
  [['--password=a b'], ['--password=…']],
  [
    ['--password', 'hunter2', '--lr', '1'],
    ['--password', '…', '--lr', '1'],
  ],
  [
    ['--no-password', '--lr=1'],
    ['--no-password', '--lr=1'],
  ],
  [
    ['--hf_token=abc', '--api-key=abc', '--client.secret=abc'],
    ['--hf_token=…', '--api-key=…', '--client.secret=…'],
  ],
  [
    ['HF_TOKEN=abc', 'LR=1'],
    ['HF_TOKEN=…', 'LR=1'],
  ],
  [
    ['postgresql://me:hunter2@db/x', 'https://example.org/a@b'],
    ['postgresql://…@db/x', 'https://example.org/a@b'],
  ],
  [
    ['-H', 'Authorization: Bearer abc.def'],
    ['-H', 'Authorization: …'],
  ],
  [
    ['-c', 'cd x; TOKEN=abc train --password hunter2 --lr 1'],
    ['-c', 'cd x; TOKEN=… train --password … --lr 1'],
  ],
  [
    ['-c', 'curl -H "X-Api-Key: abc" x'],
    ['-c', 'curl -H "X-Api-Key: …" x'],
  ],
  [['{"password": "hunter2", "lr": 1}'], ['{"password": …, "lr": 1}']],
  [
    ['--max-tokens=100', '--tokenizer=bpe', '--passes=3'],
    ['--max-tokens=100', '--tokenizer=bpe', '--passes=3'],
  ],
])('of %j a secret is shown, or what is none is hidden', (words, shown) => {
  expect(maskedArguments(words)).toEqual(shown);
});
