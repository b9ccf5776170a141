import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ParamConflictError } from '../../src/errors.js';
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
    const items = ['1', '2'].map((value) => ({ kind: 'param', key: value, value }) as const);
    expect(await store.land({ runId: run.id, items })).toEqual([undefined, undefined]);
    expect(await store.land({ runId: run.id, items })).toEqual([undefined, undefined]);
    await store.endRun({ runId: run.id, status: 'FINISHED', endTime: 1 });
    await store.close();
    expect(readdirSync(folder)).toEqual([]);
  });
});

test('offline a param gets another value, also after its run was ended and resumed', async () => {
  const store = openStore(resolveOptions({ uri: 'offline' }, {}, newFolder()), quiet);
  const run = newRun();
  const lr = (value: string) => ({ runId: run.id, items: [{ kind: 'param', key: 'lr', value } as const] });
  await store.createRun(run);
  expect(await store.land(lr('0.1'))).toEqual([undefined]);
  await store.endRun({ runId: run.id, status: 'FINISHED', endTime: 1 });
  await store.createRun({ ...run, resume: true });
  expect(await store.land(lr('0.2'))).toEqual([
    new ParamConflictError({ runId: run.id, key: 'lr', storedValue: '0.1', newValue: '0.2' }),
  ]);
});
