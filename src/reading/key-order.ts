/** Stores give keys in orders of their own. */
export function inKeyOrder<Value>(entries: Iterable<readonly [key: string, value: Value]>): ReadonlyMap<string, Value> {
  return new Map([...entries].sort(([a], [b]) => (a < b ? -1 : Number(a > b))));
}
