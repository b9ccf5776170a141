/** How MLflow's SQL store understands a search: utils/search_utils.py and store/tracking/sqlalchemy_store.py of 2.22.5 and 3.17.2. */
import type { HeldMetric, HeldRun } from './mlflow-state.js';
import { invalid } from './refusal.js';

/** What of the server's state a search looks at. */
export interface Searched {
  /** As 2.22.5: NaN is the 0 that stands in the table, and there is no IS NULL. */
  readonly older: boolean;
  latest(run: HeldRun): readonly HeldMetric[];
}

interface Identifier {
  readonly type: 'param' | 'metric' | 'tag' | 'attribute';
  readonly key: string;
}

const TYPES: Readonly<Record<string, Identifier['type']>> = {
  param: 'param',
  params: 'param',
  parameter: 'param',
  parameters: 'param',
  metric: 'metric',
  metrics: 'metric',
  tag: 'tag',
  tags: 'tag',
  attribute: 'attribute',
  attributes: 'attribute',
  attr: 'attribute',
  run: 'attribute',
};
const NUMERIC = ['start_time', 'end_time'];
const ATTRIBUTES = [...NUMERIC, 'artifact_uri', 'run_id', 'run_name', 'status', 'user_id'];
const ORDER_COMPARATORS = ['>', '>=', '!=', '=', '<', '<='];

const IDENTIFIER = /\s*(?:([A-Za-z]\w*)\.)?(`[^`]*`|"[^"]*"|[\w.]+)\s*/y;
const COMPARATOR = /(<=|>=|!=|[<>=~!]+|I?LIKE\b|IS\s+NOT\s+NULL\b|IS\s+NULL\b|NOT\s+IN\b|IN\b)\s*/iy;
/** sqlparse takes a backslash before a quote for part of the text, and no + in an exponent. */
const VALUE = /('(?:''|\\'|[^'])*'|"(?:""|\\"|[^"])*"|-?\d+(?:\.\d+)?E-?\d+|-?(?:\d+\.\d*|\.\d+|\d+)(?![\w.])|\([^)]*\))\s*/iy;
const AND = /AND\b/iy;

/** What all runs found have in common. */
export function conditionsOf(filter: string, searched: Searched): readonly ((run: HeldRun) => boolean)[] {
  const conditions: ((run: HeldRun) => boolean)[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(filter);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  while (filter.slice(at).trim() !== '') {
    const start = at;
    const broken = (): Error => invalid(`Invalid clause(s) in filter string: '${filter.slice(start)}'`);
    if (conditions.length > 0 && take(AND) === null) throw broken();
    const [, type, name] = take(IDENTIFIER) ?? [];
    const comparator = take(COMPARATOR)?.[1]?.toUpperCase().replace(/\s+/g, ' ');
    if (name === undefined || comparator === undefined) throw broken();
    const identifier = identifierOf(type, name);
    if (comparator.startsWith('IS ')) {
      conditions.push(presence(identifier, comparator === 'IS NULL', searched));
      continue;
    }
    const value = take(VALUE)?.[1];
    if (value === undefined) throw broken();
    conditions.push(condition(identifier, comparator, value, searched));
  }
  return conditions;
}

function identifierOf(type: string | undefined, name: string): Identifier {
  const entity = type === undefined ? 'attribute' : TYPES[type];
  if (entity === undefined) {
    throw invalid(`Invalid entity type '${type}'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']`);
  }
  const key = /^[`"]/.test(name) ? name.slice(1, -1) : name;
  if (entity === 'attribute' && !ATTRIBUTES.includes(key)) {
    throw invalid(`Invalid attribute key '${key}' specified. Valid keys are '[${ATTRIBUTES.join(', ')}]'`);
  }
  return { type: entity, key };
}

function presence({ type, key }: Identifier, isNull: boolean, { older }: Searched): (run: HeldRun) => boolean {
  if (older || (type !== 'tag' && type !== 'param')) throw invalid(`Invalid clause(s) in filter string: '${key}'`);
  return (run) => (type === 'tag' ? run.tags : run.params).has(key) !== isNull;
}

function condition({ type, key }: Identifier, comparator: string, value: string, searched: Searched): (run: HeldRun) => boolean {
  if (type === 'metric' || (type === 'attribute' && NUMERIC.includes(key))) {
    if (!ORDER_COMPARATORS.includes(comparator)) throw wrongComparator(comparator);
    if (!/^-?[\d.]/.test(value)) throw invalid(`Expected numeric value type for metric. Found ${value}`);
    const wanted = Number(value);
    return (run) => {
      const held = type === 'metric' ? metricOf(run, key, searched) : numberAttribute(run, key);
      if (held === undefined) return false;
      if (Number.isNaN(held)) return searched.older ? compare(0, comparator, wanted) : comparator === '!=';
      return compare(held, comparator, wanted);
    };
  }
  const allowed = ['!=', '=', 'LIKE', 'ILIKE', ...(type === 'attribute' ? ['IN', 'NOT IN'] : [])];
  if (!allowed.includes(comparator)) throw wrongComparator(comparator);
  if (value.startsWith('(')) throw invalid("Only ['run_id'] attributes support comparison with a list of quoted string values.");
  if (!/^['"]/.test(value)) throw invalid(`Expected a quoted string value for ${type} (e.g. 'my-value'). Got value ${value}`);
  const wanted = value.slice(1, -1);
  return (run) => {
    const held = textOf(run, type, key);
    if (held === undefined) return false;
    if (comparator === 'LIKE') return likePattern(wanted).test(held);
    // SQLite: lower(a) LIKE lower(b), which knows ASCII only.
    if (comparator === 'ILIKE') return likePattern(asciiLower(wanted)).test(asciiLower(held));
    return comparator === '=' ? held === wanted : held !== wanted;
  };
}

function wrongComparator(comparator: string): Error {
  return invalid(`Invalid comparator '${comparator}' not one of '{'=', '!=', 'LIKE', 'ILIKE'}'`);
}

function compare(held: number | string, comparator: string, wanted: number | string): boolean {
  switch (comparator) {
    case '>':
      return held > wanted;
    case '>=':
      return held >= wanted;
    case '<':
      return held < wanted;
    case '<=':
      return held <= wanted;
    case '!=':
      return held !== wanted;
    default:
      return held === wanted;
  }
}

function metricOf(run: HeldRun, key: string, searched: Searched): number | undefined {
  return searched.latest(run).find((row) => row.key === key)?.value;
}

function numberAttribute(run: HeldRun, key: string): number | undefined {
  return key === 'start_time' ? run.startTime : run.endTime;
}

function textOf(run: HeldRun, type: Identifier['type'], key: string): string | undefined {
  if (type === 'param') return run.params.get(key);
  // MLflow keeps a name in the tag, too, and searches that.
  if (type === 'tag' || key === 'run_name') return run.tags.get(type === 'tag' ? key : 'mlflow.runName');
  if (key === 'run_id') return run.id;
  if (key === 'status') return run.status;
  return key === 'user_id' ? run.userId : `mlflow-artifacts:/${run.experimentId}/${run.id}/artifacts`;
}

function likePattern(pattern: string): RegExp {
  const source = pattern
    .replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
    .replaceAll('%', '.*')
    .replaceAll('_', '.');
  return new RegExp(`^${source}$`, 'su');
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Sorts as `order_by` says, then the latest start first, then by id. */
export function sorted(runs: readonly HeldRun[], orderBy: readonly string[], searched: Searched): readonly HeldRun[] {
  const clauses = orderBy.map((text) => {
    const [, type, name, way = ''] = /^\s*(?:([A-Za-z]\w*)\.)?(`[^`]*`|"[^"]*"|[\w.]+)\s*(\w*)\s*$/.exec(text) ?? [];
    if (name === undefined || !/^(?:asc|desc)?$/i.test(way))
      throw invalid(`Invalid order_by clause '${text}'. Could not be parsed.`);
    return { ...identifierOf(type, name), descending: /^desc$/i.test(way) };
  });
  if (new Set(clauses.map(({ type, key }) => `${type} ${key}`)).size < clauses.length) {
    throw invalid(`\`order_by\` contains duplicate fields: ['${orderBy.join("', '")}']`);
  }
  const naturally = (a: HeldRun, b: HeldRun): number => b.startTime - a.startTime || Number(a.id > b.id) - Number(a.id < b.id);
  return [...runs].sort((a, b) => {
    for (const { type, key, descending } of clauses) {
      const [x, y] = [sortValue(a, type, key, searched), sortValue(b, type, key, searched)];
      if (x.case !== y.case) return x.case - y.case;
      const apart = Number(x.value > y.value) - Number(x.value < y.value);
      if (apart !== 0) return descending ? -apart : apart;
    }
    return naturally(a, b);
  });
}

/** NaN stands in the table as 0; missing is behind it. */
function sortValue(
  run: HeldRun,
  type: Identifier['type'],
  key: string,
  searched: Searched,
): { readonly case: number; readonly value: number | string } {
  const isNumber = type === 'metric' || NUMERIC.includes(key);
  const value = type === 'metric' ? metricOf(run, key, searched) : isNumber ? numberAttribute(run, key) : textOf(run, type, key);
  if (value === undefined) return { case: type === 'metric' ? 2 : 1, value: 0 };
  return typeof value === 'number' && Number.isNaN(value) ? { case: 1, value: 0 } : { case: 0, value };
}

export function pageToken(offset: number): string {
  return Buffer.from(JSON.stringify({ offset })).toString('base64');
}

export function offsetOf(token: string): number {
  if (token === '') return 0;
  try {
    // What `pageToken` made, unless somebody else did.
    const { offset } = JSON.parse(Buffer.from(token, 'base64').toString()) as { offset?: unknown };
    if (typeof offset === 'number') return offset;
  } catch {
    // Refused below.
  }
  throw invalid('Invalid page token, could not base64-decode');
}
