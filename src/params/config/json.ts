import type { Node, ParseError } from 'jsonc-parser';
import { load } from './load.js';
import { MalformedError, type Parsed, type ParsedMap, placeAt } from './parsed.js';

/** Strict JSON. JSON.parse would do but for three things: places, duplicate keys, and numbers as they are spelled. */
export function parseJson(text: string): ParsedMap {
  // `require` knows no types.
  const { parseTree, printParseErrorCode } = load('jsonc-parser') as typeof import('jsonc-parser');
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  const [first] = errors;
  if (first !== undefined || root === undefined) {
    const kind = first === undefined ? '' : `: ${words(printParseErrorCode(first.error))}`;
    throw new MalformedError(`malformed JSON${kind}`, placeAt(text, first?.offset ?? 0));
  }
  const parsed = fromNode(root, text);
  if (!(parsed instanceof Map)) throw new MalformedError('the top level must be an object', placeAt(text, root.offset));
  return parsed;
}

function fromNode(node: Node, text: string): Parsed {
  switch (node.type) {
    case 'object': {
      const map = new Map<string, Parsed>();
      for (const property of node.children ?? []) {
        const [name, value] = property.children ?? [];
        // Without errors every property has both; the types can't say so.
        if (name === undefined || value === undefined) continue;
        const key = String(name.value);
        if (map.has(key)) throw new MalformedError('malformed JSON: duplicate key', placeAt(text, name.offset));
        map.set(key, fromNode(value, text));
      }
      return map;
    }
    case 'array':
      return (node.children ?? []).map((child) => fromNode(child, text));
    case 'number': {
      const source = text.slice(node.offset, node.offset + node.length);
      return /^-?\d+$/.test(source) ? BigInt(source) : Number(source);
    }
    case 'string':
      return String(node.value);
    case 'boolean':
      return node.value === true;
    default:
      return null;
  }
}

/** 'PropertyNameExpected' to 'property name expected' */
function words(code: string): string {
  return code
    .replace(/(?<=[a-z])[A-Z]/g, ' $&')
    .toLowerCase()
    .replace(/^invalid comment token$/, 'JSON has no comments');
}
