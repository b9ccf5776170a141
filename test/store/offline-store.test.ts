import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { resolveOptions } from '../../src/options.js';
import { openStore } from '../../src/store/open.js';
import { newRun } from './calls.js';
import { newFolder } from './place.js';

const quiet = { beat: () => undefined, pause: () => undefined };

describe.each(['offline', 'sqlite:///mlflow.db', 'http://127.0.0.1:1'])('offline, with the uri %s', (uri) => {
  test('something is refused, asked of a server, or left in a file', async () => {
    const folder = newFolder();
    const store = openStore(resolveOptions({ uri }, { HEADRACE_OFFLINE: '1' }, folder), quiet);
    await store.open();
    const [run, resumed] = [newRun({ experiment: { id: '4711' } }), newRun({ resume: true })];
    expect([await store.createRun(run), await store.createRun(resumed)]).toEqual([run.id, resumed.id]);
    const items = ['1', '2'].map((value) => ({ kind: 'param', key: 'k', value }) as const);
    expect(await store.land({ runId: run.id, items })).toEqual([undefined, undefined]);
    await store.endRun({ runId: run.id, status: 'FINISHED', endTime: 1 });
    await store.close();
    expect(readdirSync(folder)).toEqual([]);
  });
});
