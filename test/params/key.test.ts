import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InvalidKeyError } from '../../src/errors.js';
import { keyProblem } from '../../src/params/key.js';
import { ACCEPTED, ACCEPTED_BY_SERVER_ONLY, BAD_CHARACTERS, BAD_PATHS, TOO_LONG } from './mlflow-keys.js';

test.each(ACCEPTED.map((key) => [key]))('a key that MLflow takes is not refused: %j', (key) => {
  expect(keyProblem(key)).toBeUndefined();
});

test.each([...BAD_CHARACTERS, ...ACCEPTED_BY_SERVER_ONLY].map((key) => [key]))(
  'a character that MLflow refuses is named: %j',
  (key) => {
    expect(keyProblem(key)).toMatch(/^contains ("|U\+).*; MLflow takes letters and digits of any script, _ - \. : \/ and space/);
  },
);

test.each(Object.entries(BAD_PATHS))('a key that MLflow refuses as a path does not pass: %j', (key, path) => {
  const problem = keyProblem(key);
  if (path === key) expect(problem).toMatch(/^(is "\." or starts with "\.\."|starts with "\/"); MLflow uses keys as paths$/);
  else expect(problem).toBe(`would resolve to ${JSON.stringify(path)} when used as a path`);
});

test.each(TOO_LONG.map((key) => [key]))('251 code points are refused, however many UTF-16 units they are: %.8s', (key) => {
  expect(keyProblem(key)).toBe('has 251 code points, MLflow takes 250');
});

test('an empty key is refused, and not as a bad path', () => {
  expect(keyProblem('')).toBe('is empty');
});

test('the reason makes a whole sentence with the key before it', () => {
  const key = 'loss%';
  expect(new InvalidKeyError({ key, reason: keyProblem(key) ?? '' }).message).toMatch(/^key "loss%" contains "%"; MLflow takes /);
});

test('a decomposed letter gets the advice to compose it, and only where that helps', () => {
  expect(keyProblem('gro\u0308ße')).toContain("key.normalize('NFC'), is accepted");
  expect(keyProblem('a\u094d')).not.toContain('NFC');
  expect(keyProblem('gro\u0308ße$')).not.toContain('NFC');
});

test('a lone surrogate is named by number, not printed', () => {
  expect(keyProblem('a\ud800')).toMatch(/^contains U\+D800;/);
});

test('dots and slashes in any arrangement: exactly the keys whose parts are all real names pass', () => {
  // The path rule said another way than by normalising: no empty part, no '.' or '..' as a part, no '..' at the start.
  const real = (key: string): boolean => !key.startsWith('..') && key.split('/').every((part) => !['', '.', '..'].includes(part));
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', '.', '..', '/', '_', ' ', 'é'), { minLength: 1, maxLength: 9 }), (pieces) => {
      const key = pieces.join('');
      expect(keyProblem(key) === undefined).toBe(real(key));
    }),
    { numRuns: 3000 },
  );
});

test('the short way for ASCII keys never lets a key pass that a character rule refuses', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 6 }), (key) => {
      const bad = [...key].some((character) => !/[A-Za-z0-9_.\- :/]/.test(character));
      if (bad) expect(keyProblem(key)).toMatch(/^contains /);
      else expect(keyProblem(key) ?? 'path').not.toMatch(/^contains /);
    }),
    { numRuns: 3000 },
  );
});

test('every character that \\w means in Python passes alone, and no mark, symbol or blank does', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), (character) => {
      const word = /[\p{L}\p{N}_]/u.test(character) || ' -:'.includes(character);
      expect(keyProblem(`a${character}`) === undefined).toBe(word || character === '.');
    }),
    { numRuns: 3000 },
  );
});

test('a key of a million characters is refused at once, not searched for long', () => {
  expect(keyProblem('a/'.repeat(500_000))).toBe('has 1000000 code points, MLflow takes 250');
});
