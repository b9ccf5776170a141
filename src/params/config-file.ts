/** Reads a config file into params, in the worker. */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { basename, extname } from 'node:path';
import { ConfigFileError, quote } from '../errors.js';
import { parseDotenv } from './config/dotenv.js';
import { parseJson } from './config/json.js';
import { MalformedError, type Parsed, type ParsedMap } from './config/parsed.js';
import { parseToml } from './config/toml.js';
import { parseYaml } from './config/yaml.js';
import { MAX_DEPTH } from './take.js';
import { textProblem } from './text.js';
import { Tag, type Tree } from './tree.js';

const MAX_BYTES = 16 * 1024 * 1024;

/** Values of one file. There because a few YAML aliases can stand for billions. */
const MAX_VALUES = 1_000_000;

export interface ConfigFileOptions {
  /** Goes before every key, with the separator between. */
  readonly prefix?: string | undefined;
  readonly separator: '.' | '/';
}

export interface ConfigFile {
  /** False: all that it holds is text, whatever it looks like (.env). */
  readonly isTyped: boolean;
  /** Of the file's bytes, in hex. */
  readonly sha256: string;
  /** One per leaf, in the order of the file. */
  readonly params: readonly ConfigParam[];
  /** Names of a .env file that look like secrets: neither logged nor kept. */
  readonly omitted: readonly string[];
}

export interface ConfigParam {
  readonly key: string;
  /** What was joined to the key; given when the separator stands in one of them. */
  readonly names: readonly string[] | undefined;
  readonly value: Tree;
}

/** Throws ConfigFileError for everything that can be wrong with the file; then nothing of it is used. */
export function readConfigFile(path: string, options: ConfigFileOptions): ConfigFile {
  const parse = parserFor(path);
  const bytes = readBytes(path);
  try {
    const { params, omitted, isTyped } = parse(decode(bytes));
    const leaves = new Leaves(options.separator);
    leaves.add(options.prefix ?? '', params);
    return { isTyped, sha256: createHash('sha256').update(bytes).digest('hex'), params: leaves.found, omitted };
  } catch (error) {
    if (error instanceof MalformedError) throw new ConfigFileError({ path, reason: error.reason, ...error.place });
    // The parsers recurse, over levels and (in dotenv's pattern) over the lines of a quoted text: the stack ends.
    if (error instanceof RangeError)
      throw new ConfigFileError({ path, reason: 'nested too deep, or a value too long, to be parsed' });
    throw error;
  }
}

const TOO_DEEP = `nested deeper than ${MAX_DEPTH} levels`;

interface ParsedFile {
  readonly params: ParsedMap;
  readonly omitted: readonly string[];
  readonly isTyped: boolean;
}

function parserFor(path: string): (text: string) => ParsedFile {
  const extension = extname(path).toLowerCase();
  switch (extension) {
    case '.json':
      return (text) => ({ params: parseJson(text), omitted: [], isTyped: true });
    case '.yaml':
    case '.yml':
      return (text) => ({ params: parseYaml(text), omitted: [], isTyped: true });
    case '.toml':
      return (text) => ({ params: parseToml(text), omitted: [], isTyped: true });
    default:
      // `.env` has no extension for Node, `.env.local` has another one.
      if (extension === '.env' || /^\.env(?:\.|$)/i.test(basename(path)))
        return (text) => ({ ...parseDotenv(text), isTyped: false });
      throw new ConfigFileError({
        path,
        reason: `${extension === '' ? 'no extension' : `extension ${quote(extension)}`}; expected .json, .yaml, .yml, .toml or .env`,
      });
  }
}

function readBytes(path: string): Buffer {
  let file: number;
  try {
    // Not blocking, because opening a FIFO that nobody writes to would hold the worker for ever.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw new ConfigFileError({ path, reason: openProblem(error) });
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new ConfigFileError({ path, reason: `is ${kindOfFile(stats)}, not a file` });
    return readAll(file, path);
  } finally {
    closeSync(file);
  }
}

/** Counts what comes instead of trusting the size: a file can grow, and those of /proc say 0. */
function readAll(file: number, path: string): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(64 * 1024);
    const count = readSync(file, chunk);
    if (count === 0) return Buffer.concat(chunks);
    total += count;
    if (total > MAX_BYTES) throw new ConfigFileError({ path, reason: `larger than ${MAX_BYTES / 1024 / 1024} MiB` });
    chunks.push(chunk.subarray(0, count));
  }
}

function openProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  switch (code) {
    case 'ENOENT':
      return 'no such file';
    case 'ENOTDIR':
      return 'no such file: a part of its path is not a folder';
    case 'EACCES':
    case 'EPERM':
      return 'no permission to read it';
    case 'EISDIR':
      return 'is a folder, not a file';
    default:
      return `can't be opened (${code})`;
  }
}

function kindOfFile(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

/** A byte order mark at the beginning is no part of the text. */
function decode(bytes: Buffer): string {
  if (isUtf8(bytes)) return new TextDecoder().decode(bytes);
  let line = 1;
  let start = 0;
  for (let end = bytes.indexOf('\n'); end !== -1 && isUtf8(bytes.subarray(start, end)); end = bytes.indexOf('\n', start)) {
    line += 1;
    start = end + 1;
  }
  // What can't be decoded shows as U+FFFD (so does a real one before it on the line, which files hardly have).
  const column = new TextDecoder().decode(bytes.subarray(start)).indexOf('\ufffd') + 1;
  throw new MalformedError('not UTF-8', { line, column });
}

/** Flattens mappings into joined keys; what is in an array stays in it. */
class Leaves {
  readonly found: ConfigParam[] = [];
  readonly #separator: '.' | '/';
  #values = 0;

  constructor(separator: '.' | '/') {
    this.#separator = separator;
  }

  add(prefix: string, params: ParsedMap): void {
    const before = prefix === '' ? [] : prefix.split(this.#separator);
    for (const [name, value] of params) this.#add([...before, name], name.includes(this.#separator), value, 1);
  }

  /** `isSeparated`: the separator stands in one of the names. */
  #add(names: readonly string[], isSeparated: boolean, value: Parsed, depth: number): void {
    if (!(value instanceof Map) || value.size === 0) {
      const key = names.join(this.#separator);
      this.found.push({ key, names: isSeparated ? names : undefined, value: this.#tree(key, value, depth) });
      return;
    }
    this.#enter(depth);
    for (const [name, inner] of value)
      this.#add([...names, name], isSeparated || name.includes(this.#separator), inner, depth + 1);
  }

  #tree(key: string, value: Parsed, depth: number): Tree {
    this.#values += 1;
    if (this.#values > MAX_VALUES) throw new MalformedError(`holds more than ${MAX_VALUES} values`);
    if (typeof value === 'string') return this.#text(key, value);
    if (typeof value === 'bigint') return integer(value);
    if (typeof value === 'number') return float(value);
    if (value instanceof Date) return [Tag.Date, value.getTime()];
    if (value === null || typeof value !== 'object') return value;
    this.#enter(depth);
    if (value instanceof Map) {
      const parts: Tree[] = [];
      for (const [name, inner] of value) parts.push(this.#text(key, name), this.#tree(key, inner, depth + 1));
      return [Tag.Object, ...parts];
    }
    return [Tag.Array, ...value.map((inner) => this.#tree(key, inner, depth + 1))];
  }

  #text(key: string, text: string): string {
    const problem = textProblem(text);
    if (problem !== undefined) throw new MalformedError(`text in ${quote(key)} ${problem}`);
    return text;
  }

  #enter(depth: number): void {
    if (depth > MAX_DEPTH) throw new MalformedError(TOO_DEEP);
  }
}

function integer(value: bigint): Tree {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : [Tag.BigInt, String(value)];
}

function float(value: number): Tree {
  if (Object.is(value, -0)) return [Tag.NegativeZero];
  return Number.isInteger(value) ? [Tag.Float, value] : value;
}
