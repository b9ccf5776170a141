/** What of a run waits for the journal: one item a record, or parts of one record, and never a mix of the two. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Draft, Drafts, type ItemsDraft } from '../../src/lane/drafts.js';
import type { Item } from '../../src/store/store.js';

type Logged = { readonly what: 'item' } | { readonly what: 'nothing' } | { readonly what: 'parts'; readonly count: number };

const anyLogged: fc.Arbitrary<Logged> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Logged>({ what: 'item' }) },
  { weight: 2, arbitrary: fc.constant<Logged>({ what: 'nothing' }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('parts' as const), count: fc.constantFrom(0, 1, 2, 5000) }) },
);

function tag(seq: number, part = 0): Item {
  return { kind: 'tag', key: 'k', value: `${seq}.${part}` };
}

function put(drafts: Drafts, seq: number, logged: Logged): string[] {
  if (logged.what === 'item') drafts.add(seq, tag(seq));
  else if (logged.what === 'nothing') drafts.addNothing(seq);
  else {
    for (let part = 0; part < logged.count; part++) drafts.addPart(seq, tag(seq, part));
    drafts.endParts(seq);
  }
  const count = logged.what === 'item' ? 1 : logged.what === 'parts' ? logged.count : 0;
  return Array.from({ length: count }, (_, part) => `${seq}.${part}`);
}

function isItems(draft: Draft): draft is ItemsDraft {
  return draft.kind === 'items';
}

/** As whoever reads the frames understands them. */
function read(drafts: readonly ItemsDraft[]): { records: number[]; values: string[] } {
  const records: number[] = [];
  const values: string[] = [];
  for (const { firstSeq, lastSeq, items } of drafts) {
    const count = (lastSeq - firstSeq + 1) | 0;
    for (let i = 0; i < count; i++) records.push((firstSeq + i) >>> 0);
    for (const [i, item] of items.entries()) {
      const seq = items.length === count ? (firstSeq + i) >>> 0 : firstSeq;
      values.push(String(item.value));
      if (!String(item.value).startsWith(`${seq}.`)) throw new Error(`${String(item.value)} is read as of ${seq}`);
    }
  }
  return { records, values };
}

test.each([2, 2 ** 31 - 5, 2 ** 32 - 5])('frames tell of every record and item what it is, from seq %s on', (first) => {
  fc.assert(
    fc.property(fc.array(anyLogged, { maxLength: 20 }), fc.array(fc.boolean(), { maxLength: 20 }), (logged, taken) => {
      const drafts = new Drafts();
      const frames: ItemsDraft[] = [];
      const values: string[] = [];
      for (const [i, one] of logged.entries()) {
        values.push(...put(drafts, (first + i) >>> 0, one));
        if (taken[i] !== true) continue;
        frames.push(...drafts.all.filter(isItems));
        drafts.took(drafts.all.length);
      }
      frames.push(...drafts.all.filter(isItems));
      expect(read(frames)).toEqual({ records: logged.map((_, i) => (first + i) >>> 0), values });
      for (const { items } of frames) expect(items.length).toBeLessThanOrEqual(4096);
    }),
    { numRuns: 100 },
  );
});

test.each([2, 2 ** 32 - 5])('what has settled is not kept for the journal, and all the rest is, from seq %s on', (first) => {
  fc.assert(
    fc.property(fc.array(anyLogged, { minLength: 1, maxLength: 20 }), fc.nat(19), (logged, settled) => {
      const drafts = new Drafts();
      const values = logged.map((one, i) => put(drafts, (first + i) >>> 0, one));
      const done = Math.min(settled, logged.length - 1);
      drafts.settled((first + done) >>> 0);
      const left = read(drafts.all.filter(isItems));
      // A frame goes as a whole.
      const all = values.flat();
      expect(left.values).toEqual(all.slice(all.length - left.values.length));
      expect(left.values.length).toBeGreaterThanOrEqual(values.slice(done + 1).flat().length);
      if (done === logged.length - 1) expect(drafts.isEmpty).toBe(true);
    }),
    { numRuns: 100 },
  );
});
