import type { Document, Node } from 'yaml';
import { load } from './load.js';
import { MalformedError, type Parsed, type ParsedMap, placeAt } from './parsed.js';

/** Uses of anchors in one file, weighed by what they multiply into: far above real files, far below an attack. */
const MAX_ALIASES = 10_000;

/** YAML 1.2 (so `yes` and `1_000` are text), with merge keys. Dates are text: the core schema has none. */
export function parseYaml(text: string): ParsedMap {
  // `require` knows no types.
  const yaml = load('yaml') as typeof import('yaml');
  const document = yaml.parseDocument(text, {
    version: '1.2',
    schema: 'core',
    merge: true,
    // Integers as bigint, floats as number: the only way to tell `1` from `1.0` afterwards.
    intAsBigInt: true,
    // Keys as they are spelled (`1.0`, `true`); mappings and sequences as keys are errors.
    stringKeys: true,
    // The library compares each key with all before it, which takes minutes for 100,000: they are compared below.
    uniqueKeys: false,
    // A value with a tag that is not in the core schema (`!!timestamp`, `!env`) is what it would be without.
    resolveKnownTags: false,
    // Pretty errors quote the line.
    prettyErrors: false,
    // At 'silent' a second document would be dropped without an error.
    logLevel: 'error',
  });
  const [error] = document.errors;
  if (error !== undefined) {
    throw new MalformedError(`malformed YAML: ${error.code.toLowerCase().replaceAll('_', ' ')}`, placeAt(text, error.pos[0]));
  }
  refuseDuplicatesAndUnknownAliases(yaml, document, text);
  const root: Node | null = document.contents;
  let parsed: Parsed;
  try {
    // Nothing but Parsed comes out: `mapAsMap` makes Maps, `stringKeys` string keys, the core schema the scalars.
    parsed = document.toJS({ mapAsMap: true, maxAliasCount: MAX_ALIASES }) as Parsed;
  } catch (problem) {
    if (problem instanceof ReferenceError) throw new MalformedError('aliases expand to too many values');
    if (problem instanceof RangeError) throw problem;
    // A merge key of something that is no mapping.
    throw new MalformedError('malformed YAML: a merge key (<<) needs a mapping or a list of mappings');
  }
  // An empty file, or one with comments only.
  if (parsed === null) return new Map();
  if (!yaml.isMap(root) || !(parsed instanceof Map)) {
    throw new MalformedError('the top level must be a mapping', placeAt(text, root?.range?.[0] ?? 0));
  }
  return parsed;
}

/** In one pass in the order of the text: the library's own looks go through the document again for each key and alias. */
function refuseDuplicatesAndUnknownAliases(yaml: typeof import('yaml'), document: Document.Parsed, text: string): void {
  const anchors = new Set<string>();
  yaml.visit(document, {
    Value(_key, node) {
      if (node.anchor !== undefined) anchors.add(node.anchor);
      if (!yaml.isMap(node)) return;
      const names = new Set<string>();
      for (const { key } of node.items) {
        if (!yaml.isScalar(key)) continue;
        const name = String(key.value);
        if (names.has(name)) throw new MalformedError('malformed YAML: duplicate key', placeAt(text, key.range?.[0] ?? 0));
        names.add(name);
      }
    },
    Alias(_key, alias) {
      if (!anchors.has(alias.source)) {
        throw new MalformedError('malformed YAML: unknown alias', placeAt(text, alias.range?.[0] ?? 0));
      }
    },
  });
}
