/** What a database made an object of, in the order of its keys, for one run after the other. */
export function textsByKey(): (texts: Readonly<Record<string, string | null>>) => ReadonlyMap<string, string> {
  // Most runs have the keys of the one before: to sort those of every run would take as long as to read them.
  let keys: readonly string[] = [];
  let sorted: readonly string[] = [];
  return (texts) => {
    const own = Object.keys(texts);
    if (own.length !== keys.length || own.some((key, i) => key !== keys[i])) {
      keys = own;
      sorted = own.toSorted();
    }
    const map = new Map<string, string>();
    for (const key of sorted) map.set(key, texts[key] ?? '');
    return map;
  };
}
