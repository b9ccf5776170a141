/**
 * The bodies of `runs/log-batch`. The server parses leniently: at the first value of a wrong type it stops,
 * answers 200 and drops the rest. So run_id comes first, values are texts, timestamps and steps integers,
 * metric values finite numbers or one of the three quoted words that it knows.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BatchLimits } from '../../options.js';
import type { Item, MetricItem } from '../store.js';

/** Above it, a request with a row that is stored already is refused by MLflow before 3.10. */
const METRIC_KEYS = 100;

/** One request. `places` are the items' places in the batch, in the order logged. */
export interface Request {
  readonly places: readonly number[];
  readonly body: string;
  /** By kind, the places of what stands in that array of the body: the server names items by it. */
  readonly arrays: Readonly<Record<'params' | 'metrics' | 'tags', readonly number[]>>;
}

/** Text of a thousand metrics takes some ms, in which a lane takes nothing from its ring and writes no journal. */
const ITEMS_PER_TURN = 200;

/** Cuts the items at `places` into requests that the server takes, in order. */
export async function* requests(
  runId: string,
  items: readonly Item[],
  places: readonly number[],
  limits: BatchLimits,
): AsyncGenerator<Request, void, undefined> {
  let open = new OpenRequest(runId, limits);
  for (const [i, place] of places.entries()) {
    if (i % ITEMS_PER_TURN === ITEMS_PER_TURN - 1) await nextTurn();
    const item = items[place] as Item; // places are of these items
    if (open.add(place, item)) continue;
    yield open.close();
    open = new OpenRequest(runId, limits);
    open.add(place, item);
  }
  if (!open.isEmpty) yield open.close();
}

function metricValue(value: number): string {
  if (Number.isFinite(value)) return JSON.stringify(value);
  return Number.isNaN(value) ? '"NaN"' : value > 0 ? '"Infinity"' : '"-Infinity"';
}

class OpenRequest {
  private readonly limits: BatchLimits;
  private readonly head: string;
  private readonly places: number[] = [];
  private readonly arrays = { params: [] as number[], metrics: [] as number[], tags: [] as number[] };
  private readonly texts = { params: [] as string[], metrics: [] as string[], tags: [] as string[] };
  private readonly paramKeys = new Set<string>();
  private readonly metricKeys = new Set<string>();
  private readonly nanRows = new Set<string>();
  private bytes: number;

  constructor(runId: string, limits: BatchLimits) {
    this.limits = limits;
    this.head = `{"run_id":${JSON.stringify(runId)}`;
    // What stands around the items.
    this.bytes = this.head.length + '"params":[],"metrics":[],"tags":[]}'.length + 3;
  }

  get isEmpty(): boolean {
    return this.places.length === 0;
  }

  /** False: it belongs into the next request. */
  add(place: number, item: Item): boolean {
    const { limits } = this;
    const array = ARRAYS[item.kind];
    const most = item.kind === 'param' ? limits.maxParams : item.kind === 'metric' ? limits.maxMetrics : limits.maxTags;
    if (this.arrays[array].length >= most) return false;
    // A param is judged against what is stored; and a request with the same key twice is refused as a whole.
    if (item.kind === 'param' && this.paramKeys.has(item.key)) return false;
    if (item.kind === 'metric') {
      if (this.metricKeys.size >= METRIC_KEYS && !this.metricKeys.has(item.key)) return false;
      if (this.isRepeated(item)) {
        this.places.push(place);
        return true;
      }
    }
    if (this.places.length >= limits.maxEntities) return false;
    const text = textOf(item);
    const bytes = Buffer.byteLength(text) + 1;
    if (this.bytes + bytes > limits.maxBytes && !this.isEmpty) return false;
    this.bytes += bytes;
    this.places.push(place);
    this.arrays[array].push(place);
    this.texts[array].push(text);
    if (item.kind === 'param') this.paramKeys.add(item.key);
    else if (item.kind === 'metric') this.metricKeys.add(item.key);
    return true;
  }

  close(): Request {
    const { places, arrays, texts } = this;
    const fields = (['params', 'metrics', 'tags'] as const)
      .filter((name) => texts[name].length > 0)
      .map((name) => `,"${name}":[${texts[name].join(',')}]`);
    return { places, arrays, body: `${this.head}${fields.join('')}}` };
  }

  /** The same NaN row twice in one request is refused by MLflow before 3.16; other rows it ignores itself. */
  private isRepeated({ key, value, timestamp, step }: MetricItem): boolean {
    if (!Number.isNaN(value)) return false;
    const row = `${timestamp} ${step} ${key}`;
    if (this.nanRows.has(row)) return true;
    this.nanRows.add(row);
    return false;
  }
}

const ARRAYS = { param: 'params', metric: 'metrics', tag: 'tags' } as const;

function textOf(item: Item): string {
  const key = JSON.stringify(item.key);
  if (item.kind !== 'metric') return `{"key":${key},"value":${JSON.stringify(item.value)}}`;
  return `{"key":${key},"value":${metricValue(item.value)},"timestamp":${item.timestamp},"step":${item.step}}`;
}
