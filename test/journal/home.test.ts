import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeHome, journalHome, newJournalFolder, readHome } from '../../src/journal/home.js';
import { parseStoreUri, type StoreLocation } from '../../src/store/uri.js';
import { newFolder } from './folder.js';

const DATABRICKS = { DATABRICKS_HOST: 'https://w.example', DATABRICKS_TOKEN: 'dapi5ecret' };

function located(uri: string): StoreLocation {
  return parseStoreUri(uri, '/data', { HOME: '/nowhere', ...DATABRICKS });
}

describe('journals of one store', () => {
  test('are in two folders, or in one with those of another store', () => {
    const same = ['http://host:5000', 'http://host:5000/', 'HTTP://ada:s3cret@host:5000'];
    const other = ['http://host:5001', 'https://host:5000', 'http://host:5000/a', 'sqlite:///host_5000', 'offline', 'databricks'];
    const homes = [...same, ...other].map((uri) => journalHome('/j', located(uri)));
    expect(new Set(homes.slice(0, same.length)).size).toBe(1);
    expect(new Set(homes).size).toBe(1 + other.length);
  });

  test('have a folder whose name a file system refuses, or no two of their own', () => {
    const home = journalHome('/j', located(`sqlite:////${'größe/'.repeat(200)}a b.db`));
    expect(basename(home)).toMatch(/^[\w.-]{1,60}$/);
    expect(newJournalFolder(home)).not.toBe(newJournalFolder(home));
  });
});

describe('the folder of a store', () => {
  test.each([
    ['http://ada:s3cret@host:5000/x', 'http://host:5000/x'],
    ['sqlite:///runs/a.db', 'sqlite:////data/runs/a.db'],
    ['databricks', 'databricks'],
    ['offline', 'offline'],
  ])('of %s does not lead back to it, or holds a secret', (uri, said) => {
    const location = located(uri);
    const home = journalHome(newFolder(), location);
    expect(readHome(home)).toBeUndefined();
    describeHome(home, location);
    expect(readHome(home)).toBe(said);
    expect(journalHome('/j', located(said))).toBe(journalHome('/j', location));
    expect(readFileSync(join(home, 'store.json'), 'utf8')).not.toMatch(/s3cret|5ecret/);
    expect([statSync(home).mode & 0o777, statSync(join(home, 'store.json')).mode & 0o777]).toEqual([0o700, 0o600]);
  });

  test('keeps what it says, leaves no draft, and is told anew when that was damaged', () => {
    const home = newFolder();
    describeHome(home, located('http://host:5000'));
    describeHome(home, located('http://other'));
    expect(readHome(home)).toBe('http://host:5000');
    for (const damaged of ['', '{"uri": "http', '[]', '{"uri": 5}', 'null']) {
      writeFileSync(join(home, 'store.json'), damaged);
      expect(readHome(home)).toBeUndefined();
      describeHome(home, located('http://host:5000'));
      expect(readHome(home)).toBe('http://host:5000');
    }
    expect(readdirSync(home)).toEqual(['store.json']);
  });

  test('that is a file is an error of the file system', () => {
    const home = join(newFolder(), 'file');
    writeFileSync(home, '');
    expect(() => describeHome(home, located('offline'))).toThrow(/EEXIST|ENOTDIR/);
    mkdirSync(`${home}s`);
    mkdirSync(join(`${home}s`, 'store.json'));
    expect(() => describeHome(`${home}s`, located('offline'))).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(readdirSync(`${home}s`)).toEqual(['store.json']);
  });
});
