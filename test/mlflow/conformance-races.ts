/** Two writers of one new key at the same moment. */
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ParamConflictError } from '../../src/errors.js';
import type { Item, Outcome, Store } from '../../src/store/store.js';
import { RecordingProxy } from './recording-proxy.js';
import type { ServerPlace } from './server-place.js';

/** What the loser is told when both had looked before either had written. */
const BROKEN = 'UNIQUE constraint failed: params.key';

/** Tries at least, and how often the two must have met in that way; a race that never was proves nothing. */
const TRIES = 40;
const MEETINGS = 3;
const TRIES_AT_MOST = 400;

/** For a server with several processes: one alone may take requests one after the other. */
export function races(placeOf: () => ServerPlace): void {
  describe('races', () => {
    let place: ServerPlace;
    beforeAll(() => {
      place = placeOf();
    });

    test.each([
      ['equal', ['same', 'same']],
      ['different', ['of 0', 'of 1']],
    ])('the server: one of two requests with %s values may lose, and then all of it', async (_which, values) => {
      const runId = await place.server.createRun();
      await untilMet(async (attempt) => {
        const key = `k${attempt}`;
        const answers = await Promise.all(
          values.map((value, writer) =>
            place.server.ask('POST', 'runs/log-batch', {
              run_id: runId,
              params: [
                { key, value },
                { key: `${key} of ${writer}`, value: '1' },
              ],
            }),
          ),
        );
        const won = answers.flatMap(({ status }, writer) => (status === 200 ? [writer] : []));
        expect(won.length).toBeGreaterThan(0);
        for (const { status, code, message } of answers) {
          if (status === 200) continue;
          if (message.includes(BROKEN)) expect(code).toBe('BAD_REQUEST');
          else
            expect({ code, message }).toEqual({
              code: 'INVALID_PARAMETER_VALUE',
              message: expect.stringContaining('Changing param'),
            });
        }
        const expected = won.map((writer) => [`${key} of ${writer}`, '1']);
        expect(stored(runId, key)).toEqual([[key, values[won[0] ?? -1]], ...expected]);
        return answers.some(({ message }) => message.includes(BROKEN));
      });
    });

    test('headrace: equal values of two stores land both, with all that is beside them', async () => {
      const { proxy, stores } = await pair();
      const runId = await place.server.createRun();
      await untilMet(async (attempt) => {
        const key = `k${attempt}`;
        const seen = proxy.exchanges.length;
        const outcomes = await Promise.all(
          stores.map((store, writer) => store.land({ runId, items: batch(key, 'same', writer) })),
        );
        expect(outcomes).toEqual([[undefined, undefined, undefined, undefined], [undefined, undefined, undefined, undefined]]); // biome-ignore format: two lists
        expect(stored(runId, key)).toEqual([[key, 'same'], [`${key} of 0`, '1'], [`${key} of 1`, '1']]); // biome-ignore format: pairs
        expect(beside(runId, key)).toEqual([2, 2]);
        return proxy.exchanges.slice(seen).some(({ answer }) => answer.includes(BROKEN));
      });
    });

    test('headrace: of different values of two stores one wins, the other conflicts with it', async () => {
      const { proxy, stores } = await pair();
      const runId = await place.server.createRun();
      await untilMet(async (attempt) => {
        const key = `k${attempt}`;
        const seen = proxy.exchanges.length;
        const outcomes = await Promise.all(
          stores.map((store, writer) => store.land({ runId, items: batch(key, `of ${writer}`, writer) })),
        );
        const winner = outcomes.findIndex(([outcome]) => outcome === undefined);
        expect(winner).not.toBe(-1);
        const loser = 1 - winner;
        const conflict: Outcome = new ParamConflictError({ runId, key, storedValue: `of ${winner}`, newValue: `of ${loser}` });
        expect(outcomes[winner]).toEqual([undefined, undefined, undefined, undefined]);
        expect(outcomes[loser]).toEqual([conflict, undefined, undefined, undefined]);
        expect(outcomes[loser]?.[0]).toBeInstanceOf(ParamConflictError);
        expect(stored(runId, key)).toEqual([[key, `of ${winner}`], [`${key} of 0`, '1'], [`${key} of 1`, '1']]); // biome-ignore format: pairs
        expect(beside(runId, key)).toEqual([2, 2]);
        return proxy.exchanges.slice(seen).some(({ answer }) => answer.includes(BROKEN));
      });
    });

    /** Two workers' stores, and what goes between them and the server. */
    async function pair(): Promise<{ proxy: RecordingProxy; stores: readonly Store[] }> {
      const proxy = await RecordingProxy.start(place.server.url);
      onTestFinished(() => proxy.stop());
      return { proxy, stores: [await place.store(proxy.url), await place.store(proxy.url)] };
    }

    function stored(runId: string, key: string): unknown[] {
      return place
        .rows(
          'SELECT key, value FROM params WHERE run_uuid = ? AND (key = ? OR key LIKE ?) ORDER BY key',
          runId,
          key,
          `${key} of %`,
        )
        .map((row) => [row.key, row.value]);
    }

    /** How many metrics and tags of one try are there. */
    function beside(runId: string, key: string): unknown[] {
      const count = (table: string): unknown =>
        place.rows(`SELECT count(*) AS n FROM ${table} WHERE run_uuid = ? AND key LIKE ?`, runId, `${key} of %`)[0]?.n;
      return [count('metrics'), count('tags')].map(Number);
    }
  });
}

function batch(key: string, value: string, writer: number): Item[] {
  const own = `${key} of ${writer}`;
  return [
    { kind: 'param', key, value },
    { kind: 'param', key: own, value: '1' },
    { kind: 'metric', key: own, value: Number.NaN, timestamp: 1000, step: 0 },
    { kind: 'tag', key: own, value: '1' },
  ];
}

/** `attempt` says whether the two met. */
async function untilMet(attempt: (i: number) => Promise<boolean>): Promise<void> {
  let meetings = 0;
  let tries = 0;
  for (; tries < TRIES_AT_MOST && (tries < TRIES || meetings < MEETINGS); tries++) {
    if (await attempt(tries)) meetings++;
  }
  expect(meetings, `of ${tries} tries, those where the two met`).toBeGreaterThanOrEqual(MEETINGS);
}
