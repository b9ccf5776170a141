/** Does as stdin says with one journal, a line an answer: what a test can't do to its own process. */
import { createInterface } from 'node:readline';
import { HeadraceError } from '../../../src/errors.js';
import { JournalWriter } from '../../../src/journal/writer.js';

const [folder = '', durability = 'os', uid] = process.argv.slice(2);
if (uid !== undefined) process.setuid?.(Number(uid));

let journal: JournalWriter | undefined;
let run = 0;
let seq = 1;

function answer(command: string, count: number): string {
  if (command === 'open') {
    journal = new JournalWriter({ folder, durability: durability === 'fsync' ? 'fsync' : 'os', segmentBytes: 2 ** 20 });
    run = journal.newRun();
    journal.append({ kind: 'opened', run, seq, id: 'child', request: '{}' });
    return 'opened';
  }
  if (journal === undefined) throw new Error('open comes first');
  switch (command) {
    case 'append':
      for (let i = 0; i < count; i++) {
        seq++;
        journal.append({
          kind: 'items',
          run,
          firstSeq: seq,
          lastSeq: seq,
          items: [{ kind: 'tag', key: `k${seq}`, value: 'v'.repeat(900) }],
        });
      }
      return `appended ${seq}`;
    case 'write':
      journal.write();
      journal.sync();
      return `durable ${journal.durable} unwritten ${journal.unwrittenBytes}`;
    case 'land':
      journal.landed(run, seq);
      return `freed ${journal.collect() > 0}`;
    case 'flood':
      flood(journal);
  }
  throw new Error(`what is ${command}?`);
}

/** Tells on stdout what is durable, and goes on until it is killed. */
function flood(into: JournalWriter): never {
  for (;;) {
    for (let i = 0; i < 20; i++) {
      seq++;
      into.append({
        kind: 'items',
        run,
        firstSeq: seq,
        lastSeq: seq,
        items: [{ kind: 'param', key: `k${seq}`, value: 'v'.repeat(seq % 700) }],
      });
      // Cut off at any moment, also within a group.
      if (seq % 7 === 0) into.write();
    }
    into.write();
    into.sync();
    process.stdout.write(`durable ${into.durable} seq ${seq}\n`);
  }
}

createInterface(process.stdin).on('line', (line) => {
  const [command = '', count = '1'] = line.split(' ');
  try {
    process.stdout.write(`${answer(command, Number(count))}\n`);
  } catch (error) {
    const code = error instanceof HeadraceError ? error.code : 'UNTYPED';
    process.stdout.write(
      `${code} ${error instanceof Error ? error.message : String(error)} unwritten ${journal?.unwrittenBytes}\n`,
    );
  }
});
