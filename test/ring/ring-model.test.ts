/**
 * The shipped code of both ends of a ring, and of what the two threads do around it, stepped through all
 * orders of their accesses to shared memory. A second half changes the shipped code in one place each
 * and expects the model to object: a model that can't fail shows nothing.
 */
import { compileFunction } from 'node:vm';
import { afterAll, describe, expect, test } from 'vitest';
import { newSignals, Signal, StopRequest, WorkerState } from '../../src/lane/signals.js';
import type { RingConsumer } from '../../src/ring/consumer.js';
import { HEAD_WORD, PARKED_WORD, RECORDS_BYTE, STARVED_WORD, TAIL_WORD } from '../../src/ring/layout.js';
import type { RingProducer } from '../../src/ring/producer.js';
import type * as record from '../../src/ring/record.js';
import { Kind } from '../../src/ring/record.js';
import { type Exploration, explore, type Scene, Signalled, type Steps, Violation } from './schedules.js';
import { type Edit, type Part, steppedSource } from './stepped-source.js';

const PARTS: readonly Part[] = [
  { path: 'ring/layout.ts' },
  { path: 'ring/text.ts' },
  { path: 'ring/key-table.ts', constants: ['INLINE'] },
  { path: 'ring/record.ts' },
  { path: 'ring/producer.ts' },
  { path: 'ring/consumer.ts' },
  { path: 'lane/signals.ts' },
  { path: 'run.ts', methods: { LaneRun: ['place', 'publish'] } },
  {
    path: 'lane/producer.ts',
    constants: ['SLICE_MS', 'DEAD_AFTER_MS'],
    methods: { Producer: ['awaitRoom', 'looksDead', 'onBell'] },
  },
  { path: 'lane/lane.ts', methods: { Lane: ['wake', 'requestStop'] } },
  { path: 'lane/intake.ts', constants: ['RECORDS_PER_TICK'], methods: { Intake: ['drain', 'settled', 'release'] } },
  { path: 'lane/loop.ts', constants: ['POLL_MS'], methods: { LaneLoop: ['run', 'drain', 'park', 'parkRings'] } },
  {
    path: 'lane/verdict-record.ts',
    constants: ['ONE'],
    methods: { VerdictWriter: ['publish'], VerdictReader: ['drain', 'askForMessage'] },
  },
];

/** Of what the parts need and the model puts in: those that take steps. */
const STAND_INS = ['write', 'take', 'dispatch', 'drainFailures'];

type Stepped<T> = {
  readonly [K in keyof T]: T[K] extends (...parameters: infer P) => infer R ? (...parameters: P) => Steps<Awaited<R>> : T[K];
};
type SteppedClass<T> = new (buffer: SharedArrayBuffer) => Stepped<T>;
type Fields = Readonly<Record<string, unknown>>;

/** The scene of the moment is told when the worker's loop turns. */
const turn = { begins: (): void => undefined };

interface Code {
  readonly RingProducer: SteppedClass<RingProducer>;
  readonly RingConsumer: SteppedClass<RingConsumer>;
  readonly RecordReader: new (ring: Stepped<RingConsumer>) => Stepped<record.RecordReader>;
  readonly writeMetric: Write<typeof record.writeMetric>;
  readonly writeScalar: Write<typeof record.writeScalar>;
  readonly writeTextRecord: Write<typeof record.writeTextRecord>;
  readonly LaneRun: new (
    fields: Fields,
  ) => {
    place(key: string, write: (seq: number) => Steps<number>, mustWait: boolean): Steps<unknown>;
    publish(): Steps<void>;
  };
  readonly Lane: new (fields: Fields) => Lane;
  readonly Intake: new (fields: Fields) => IntakeModel;
  readonly LaneLoop: new (fields: Fields) => { run(): Steps<void> };
  readonly VerdictWriter: new (fields: Fields) => { publish(): Steps<boolean> };
  readonly VerdictReader: new (fields: Fields) => { drain(listener: Lane): Steps<void> };
}
type Write<F> = F extends (ring: never, ...rest: infer P) => number
  ? (ring: Stepped<RingProducer>, ...rest: P) => Steps<number>
  : never;
interface Lane {
  requestStop(request: number): Steps<void>;
  onBell(): Steps<void>;
}
interface IntakeModel {
  readonly stretch: { left: number };
  settled(stretch: { left: number }, count: number): Steps<void>;
}

/** `arch`: on x64 `publish` looks at the parked flag by a plain load. */
async function compiled(edits: readonly Edit[] = [], arch = 'x64'): Promise<Code> {
  const code = await steppedSource(PARTS, STAND_INS, edits);
  const names =
    'RingProducer, RingConsumer, RecordReader, writeMetric, writeScalar, writeTextRecord, LaneRun, Lane, Intake, LaneLoop, VerdictWriter, VerdictReader';
  const around = {
    process: { arch },
    performance: { now: () => 0 },
    Date: { now: () => 0 },
    nextTurn: () => turn.begins(),
    sleep: () => undefined,
    // Two: more than one record waits often, and not all of them are taken in one turn.
    RECORDS_PER_TURN: 2,
    POLLS_BEFORE_PARKING: 0,
  };
  const build = compileFunction(
    `'use strict';\n${code}\nObject.setPrototypeOf(Lane.prototype, Producer.prototype);\nreturn { ${names} };`,
    Object.keys(around),
  );
  return build(...Object.values(around)) as Code; // the rewritten classes by their names
}

type Item =
  | { readonly kind: 'metric'; readonly value: number }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly text: string }
  /** Claimed, then given up: its text has half of a surrogate pair. */
  | { readonly kind: 'refused'; readonly text: string };

interface Scenario {
  readonly capacity: number;
  readonly startAt: number;
  /** One publish for each inner list. */
  readonly calls: readonly (readonly Item[])[];
  /** The caller asks the loop to finish at the end; else the loop must be found asleep, with nothing left. */
  readonly stops: boolean;
}

const STARTS = [0, 2 ** 31 - 64, 2 ** 32 - 64];

const metric = (value: number): Item => ({ kind: 'metric', value });
const number = (value: number): Item => ({ kind: 'number', value });
const text = (content: string): Item => ({ kind: 'text', text: content });
const refused = (content: string): Item => ({ kind: 'refused', text: content });

const SCENARIOS = {
  'a full ring': { capacity: 64, calls: [[metric(1)], [metric(2)], [metric(3)]], stops: false },
  'padding at the end of the ring': { capacity: 64, calls: [[number(1)], [number(2)], [metric(3)]], stops: false },
  'texts that turn out shorter than claimed': {
    capacity: 128,
    calls: [[text('abcd')], [text('efgh')], [text('ijkl')]],
    stops: false,
  },
  'several records in one call': { capacity: 64, calls: [[metric(1), metric(2), metric(3)], [number(4)]], stops: false },
  'a record given up at the end of the ring': {
    capacity: 64,
    calls: [[number(1)], [number(2)], [refused('\ud800')], [number(3)]],
    stops: false,
  },
  'a stop behind the last record': { capacity: 64, calls: [[number(1)], [number(2)]], stops: true },
  'a stop without a record': { capacity: 64, calls: [], stops: true },
} satisfies Record<string, Omit<Scenario, 'startAt'>>;

function ringBuffer(capacity: number, startAt: number): SharedArrayBuffer {
  // `newRing` makes none as small as this.
  const buffer = new SharedArrayBuffer(RECORDS_BYTE + capacity);
  const words = new Int32Array(buffer);
  words[TAIL_WORD] = startAt;
  words[HEAD_WORD] = startAt;
  words[PARKED_WORD] = 1;
  return buffer;
}

const RING_WORDS = [TAIL_WORD, HEAD_WORD, PARKED_WORD, STARVED_WORD];

/** No byte changes that was published and not released. */
function guard(words: Int32Array): Scene['beforeStore'] {
  const mask = words.byteLength - RECORDS_BYTE - 1;
  return (byteOffset) => {
    const head = words[HEAD_WORD] as number; // a fixed word, as the next
    const tail = words[TAIL_WORD] as number;
    if (((byteOffset - RECORDS_BYTE - head) & mask) < ((tail - head) | 0)) {
      throw new Violation(`byte ${byteOffset} is overwritten, which is published and not released (${flags(words)})`);
    }
  };
}

/** What an end of the ring knows besides the shared memory. */
function numbersOf(end: object): () => string {
  const fields = end as Record<string, unknown>; // the private ones too
  const names = Object.keys(fields).filter((name) => typeof fields[name] === 'number');
  return () => names.map((name) => fields[name]).join();
}

function takeFrom(states: Record<string, string>, thread: string): string | undefined {
  const state = states[thread];
  delete states[thread];
  return state;
}

function flags(words: Int32Array): string {
  return `head ${words[HEAD_WORD]}, tail ${words[TAIL_WORD]}, parked ${words[PARKED_WORD]}, starved ${words[STARVED_WORD]}`;
}

/** A caller that logs and a lane's loop that takes. */
function logging(code: Code, { capacity, startAt, calls, stops }: Scenario): Scene {
  const ring = new code.RingProducer(ringBuffer(capacity, startAt));
  const { words } = ring;
  const signals = new Int32Array(newSignals());
  const expected = calls.flat().filter((item) => item.kind !== 'refused');
  let placed = 0;
  let published = 0;
  let delivered = 0;
  /** By thread, where it stands at a place at which nothing but its objects' fields matters. */
  const atRest: Record<string, string> = {};

  // ---- the caller's thread ----

  let at = 0;
  const producerState = numbersOf(ring);
  const restCaller = (): void => {
    atRest['caller'] = `${at} ${placed} ${published} ${producerState()}`;
  };

  const publish = ring.publish.bind(ring);
  Object.defineProperty(ring, 'publish', {
    *value() {
      published = placed;
      return yield* publish();
    },
  });
  const lane = new code.Lane({
    settings: { onFull: 'block', blockTimeoutMs: Number.POSITIVE_INFINITY },
    ring,
    signals,
    laneSignals: signals,
    memory: { epoch: 0 },
    pool: {},
    boot: () => undefined,
    drainFailures() {
      restCaller();
      return [];
    },
  });
  const run = new code.LaneRun({ ring, lane, ledger: { issued: 0 }, refusal: () => 'refused' });

  function* write(item: Item, seq: number): Steps<number> {
    switch (item.kind) {
      case 'metric':
        return yield* code.writeMetric(ring, 1, 2, seq, item.value, 3, 4);
      case 'number':
        return yield* code.writeScalar(ring, Kind.Number, 1, 2, '', seq, item.value);
      default:
        return yield* code.writeTextRecord(ring, Kind.Text, 1, 2, '', seq, item.text);
    }
  }

  function* caller(): Steps<void> {
    for (const call of calls) {
      for (const item of call) {
        const outcome = yield* run.place('', (seq) => write(item, seq), true);
        if (outcome !== (item.kind === 'refused' ? 'refused' : undefined))
          throw new Violation(`placing a record gave ${String(outcome)}`);
        if (outcome === undefined) placed++;
        at++;
        restCaller();
      }
      yield* run.publish();
      restCaller();
    }
    if (stops) yield* lane.requestStop(StopRequest.Finish);
  }

  // ---- the worker's thread ----

  const consumer = new code.RingConsumer(words.buffer as SharedArrayBuffer); // made so above
  const reader = new code.RecordReader(consumer);
  const consumerState = numbersOf(consumer);
  const rest = (): void => {
    atRest['worker'] = `${delivered} ${landing.length} ${consumerState()}`;
  };
  turn.begins = rest;
  const landing: { stretch: { left: number } }[] = [];
  const intake: IntakeModel = new code.Intake({
    ring: consumer,
    clock: { tick: () => undefined },
    stretches: [],
    *take(offset: number): Steps<void> {
      const item = expected[delivered];
      if (delivered >= published) throw new Violation(`record ${delivered + 1} was seen before it was published`);
      yield* check(offset, item);
      delivered++;
      intake.stretch.left++;
      landing.push({ stretch: intake.stretch });
    },
  });

  function* check(offset: number, item: Item | undefined): Steps<void> {
    const found = [yield* reader.kind(offset), yield* reader.seq(offset)];
    if (item?.kind === 'text') found.push(yield* reader.keyId(offset));
    else found.push(yield* reader.value(offset));
    let content = '';
    if (item?.kind === 'text') content = yield* reader.text(offset);
    if (item?.kind === 'metric') found.push(yield* reader.metricStep(offset), yield* reader.metricStamp(offset));
    const wanted = {
      metric: (value: number) => [Kind.Metric, delivered + 1, value, 3, 4],
      number: (value: number) => [Kind.Number, delivered + 1, value],
      text: () => [Kind.Text, delivered + 1, 2],
    };
    if (item === undefined || item.kind === 'refused') throw new Violation(`a record too much: ${found.join()}`);
    const right = item.kind === 'text' ? wanted.text() : wanted[item.kind](item.value);
    if (found.join() !== right.join() || (item.kind === 'text' && content !== item.text)) {
      throw new Violation(
        `record ${delivered + 1} reads ${found.join()} ${content}, not ${right.join()} ${'text' in item ? item.text : ''}`,
      );
    }
  }

  const main = { ring: consumer, intake };
  const loop = new code.LaneLoop({
    main,
    inlets: [main],
    attached: new Map(),
    admitAll: () => undefined,
    door: { close: () => undefined },
    signals,
    clock: { tick: rest, off: rest },
    sender: { giveUp: () => undefined, close: () => undefined },
    closeJournals: () => undefined,
    delivery: { sending: 0 },
    announce: () => undefined,
    *dispatch(): Steps<boolean> {
      for (const { stretch } of landing.splice(0)) yield* intake.settled(stretch, 1);
      return false;
    },
  });

  return {
    threads: [
      { name: 'caller', steps: caller() },
      { name: 'worker', steps: loop.run() },
    ],
    control: [
      { words, indexes: RING_WORDS },
      { words: signals, indexes: [Signal.Stop, Signal.State] },
    ],
    data: { buffer: words.buffer, from: RECORDS_BYTE },
    localState: (thread) => takeFrom(atRest, thread),
    beforeStore: guard(words),
    atEnd(asleep) {
      const missing = expected.length - delivered;
      if (asleep.includes('caller')) throw new Violation(`the caller waits for ever: ${flags(words)}`);
      if (missing > 0) throw new Violation(`${missing} records are never taken: ${flags(words)}`);
      if (stops && asleep.length > 0) throw new Violation(`the loop sleeps and was asked to stop: ${flags(words)}`);
      if (stops && signals[Signal.State] !== WorkerState.Closed) throw new Violation('the loop ended and did not say so');
      if (words[HEAD_WORD] !== words[TAIL_WORD]) throw new Violation(`all is taken and not all released: ${flags(words)}`);
    },
  };
}

/** A worker that tells failures, and a caller's thread that reads them when it gets a message. */
function telling(code: Code, startAt: number, count: number): Scene {
  const buffer = ringBuffer(64, startAt);
  const ring = new code.RingProducer(buffer);
  const { words } = ring;
  const writer = new code.VerdictWriter({ ring });
  const producerState = numbersOf(ring);
  let message = new Signalled();
  let posted = 0;
  let received = 0;
  let told = 0;
  const atRest: Record<string, string> = {};

  function* worker(): Steps<void> {
    for (let seq = 1; seq <= count; seq++) {
      while ((yield* code.writeTextRecord(ring, Kind.Failed, 1, 0, '', seq, '')) < 0) yield* ring.awaitHead(1);
      if (yield* writer.publish()) {
        posted++;
        message.isSettled = true;
      }
      atRest['worker'] = `${seq} ${posted} ${producerState()}`;
    }
  }

  const consumer = new code.RingConsumer(buffer);
  const consumerState = numbersOf(consumer);
  const reader = new code.VerdictReader({ ring: consumer, record: new code.RecordReader(consumer) });
  const lane: Lane = new code.Lane({
    verdicts: reader,
    drainFailures: () => reader.drain(lane),
    settleAwaited: () => undefined,
    onFailed(slot: number, seq: number, records: number, error: unknown) {
      told++;
      atRest['caller'] = `${told} ${received} ${consumerState()}`;
      if (slot !== 1 || seq !== told || records !== 1 || error !== undefined)
        throw new Violation(`failure ${told} reads ${slot}, ${seq}`);
    },
    onUp: () => undefined,
  });

  function* caller(): Steps<void> {
    for (;;) {
      atRest['caller'] = `${told} ${received} ${consumerState()}`;
      yield ['await', message];
      received++;
      message = new Signalled();
      message.isSettled = posted > received;
      yield* lane.onBell();
    }
  }

  return {
    threads: [
      { name: 'worker', steps: worker() },
      { name: 'caller', steps: caller() },
    ],
    control: [{ words, indexes: RING_WORDS }],
    data: { buffer: words.buffer, from: RECORDS_BYTE },
    localState: (thread) => takeFrom(atRest, thread),
    beforeStore: guard(words),
    atEnd(asleep) {
      if (asleep.includes('worker')) throw new Violation(`the worker waits for ever: ${flags(words)}`);
      if (told < count) throw new Violation(`${count - told} failures are never read: ${flags(words)}`);
    },
  };
}

const TELLING = 'failures told to a caller that waits for a message';
type ScenarioName = keyof typeof SCENARIOS | typeof TELLING;
const shipped = compiled();
const explored = { schedules: 0, states: 0 };

function run(code: Code, name: ScenarioName, startAt: number): Exploration {
  const result = explore(
    name === TELLING ? () => telling(code, startAt, 3) : () => logging(code, { ...SCENARIOS[name], startAt }),
  );
  explored.schedules += result.schedules;
  explored.states += result.states;
  return result;
}

afterAll(() => {
  console.log(`ring model: ${explored.schedules} schedules, ${explored.states} states`);
});

describe.each([...Object.keys(SCENARIOS), TELLING] as ScenarioName[])('in every order of steps: %s', (name) => {
  test.each(STARTS)('nothing is lost, torn, overwritten or left asleep (positions from %i)', async (startAt) => {
    expect(run(await shipped, name, startAt).violation).toBe(undefined);
  });
});

test.each<ScenarioName>(['a full ring', TELLING])(
  'the same where the parked flag is looked at by an atomic load: %s',
  async (name) => {
    expect(run(await compiled([], 'arm64'), name, 0).violation).toBe(undefined);
  },
);

const STOP_LOOK = `if (Atomics.load(this.signals, Signal.Stop) !== StopRequest.None || this.inlets.some(({ isToGo }) => isToGo)) {
      for (const ring of rings) ring.unpark();
      return;
    }`;

/** Changes of the shipped code, and the scenario that must not survive each. */
const MUTATIONS: readonly {
  readonly what: string;
  readonly scenario: ScenarioName;
  readonly edits: readonly Edit[];
  readonly finds: RegExp;
}[] = [
  {
    what: 'the tail is stored before the record is written',
    scenario: 'a full ring',
    edits: [
      {
        path: 'ring/producer.ts',
        from: 'this.tail = next;',
        to: 'this.tail = next; Atomics.store(this.words, TAIL_WORD, next);',
      },
    ],
    finds: /published and not released|before it was published|may still be/,
  },
  {
    what: 'the tail is stored by a plain store',
    scenario: 'a full ring',
    edits: [
      {
        path: 'ring/producer.ts',
        from: 'Atomics.store(this.words, TAIL_WORD, this.tail);',
        to: 'this.words[TAIL_WORD] = this.tail;',
      },
    ],
    finds: /may still be written/,
  },
  {
    what: 'the parked flag is looked at before the tail is stored',
    scenario: 'a full ring',
    edits: [
      {
        path: 'ring/producer.ts',
        from: 'Atomics.store(this.words, TAIL_WORD, this.tail);',
        to: 'const parked = this.words[PARKED_WORD];',
      },
      {
        path: 'ring/producer.ts',
        from: 'return (STORE_IS_FENCE ? this.words[PARKED_WORD] : Atomics.load(this.words, PARKED_WORD)) !== 0;',
        to: 'Atomics.store(this.words, TAIL_WORD, this.tail); return parked !== 0;',
      },
    ],
    finds: /never taken/,
  },
  {
    what: 'the sleeper is notified before its flag is taken down',
    scenario: 'a full ring',
    edits: [
      {
        path: 'ring/producer.ts',
        from: 'if (this.takeParked()) Atomics.notify(this.words, PARKED_WORD);',
        to: 'Atomics.notify(this.words, PARKED_WORD); this.takeParked();',
      },
    ],
    finds: /never taken|waits for ever/,
  },
  {
    what: 'the starved flag goes up after the wait',
    scenario: 'a full ring',
    edits: [
      { path: 'ring/producer.ts', from: 'Atomics.store(this.words, STARVED_WORD, 1);', to: '' },
      {
        path: 'ring/producer.ts',
        from: 'Atomics.wait(this.words, HEAD_WORD, head, ms);',
        to: 'Atomics.wait(this.words, HEAD_WORD, head, ms); Atomics.store(this.words, STARVED_WORD, 1);',
      },
    ],
    finds: /the caller waits for ever/,
  },
  {
    what: 'the wait for room looks at the head after it found none',
    scenario: 'a full ring',
    edits: [{ path: 'ring/producer.ts', from: 'if (head !== this.seenHead) return;', to: '' }],
    finds: /the caller waits for ever/,
  },
  {
    what: 'the padding is not counted',
    scenario: 'padding at the end of the ring',
    edits: [{ path: 'ring/producer.ts', from: '< padding + bytes', to: '< bytes' }],
    finds: /overwritten|may still be read/,
  },
  {
    what: 'a record given up leaves the limit in the next lap',
    scenario: 'a record given up at the end of the ring',
    edits: [{ path: 'ring/producer.ts', from: 'this.limit = this.tail;\n  }\n\n  /** Hands', to: '}\n\n  /** Hands' }],
    finds: /reaches for bytes/,
  },
  {
    what: 'a shortened record keeps its claimed length in the header',
    scenario: 'texts that turn out shorter than claimed',
    edits: [
      {
        path: 'ring/producer.ts',
        from: 'this.words[offset >> 2] = header(kind, bytes);\n    this.tail = (this.tail - ',
        to: 'this.tail = (this.tail - ',
      },
    ],
    finds: /reads|may still be written|too much/,
  },
  {
    what: 'the parked flag goes up after the second look at the tail',
    scenario: 'a full ring',
    edits: [
      {
        path: 'ring/consumer.ts',
        from: 'Atomics.store(this.words, PARKED_WORD, 1);\n    if (Atomics.load(this.words, TAIL_WORD) === this.cursor) return true;',
        to: 'const empty = Atomics.load(this.words, TAIL_WORD) === this.cursor; Atomics.store(this.words, PARKED_WORD, 1); if (empty) return true;',
      },
    ],
    finds: /never taken/,
  },
  {
    what: 'the starved flag is looked at before the head is stored',
    scenario: 'a full ring',
    edits: [
      {
        path: 'ring/consumer.ts',
        from: 'Atomics.store(this.words, HEAD_WORD, position);',
        to: 'const starved = Atomics.load(this.words, STARVED_WORD);',
      },
      {
        path: 'ring/consumer.ts',
        from: 'if (Atomics.load(this.words, STARVED_WORD) !== 0) Atomics.notify(this.words, HEAD_WORD);',
        to: 'Atomics.store(this.words, HEAD_WORD, position); if (starved !== 0) Atomics.notify(this.words, HEAD_WORD);',
      },
    ],
    finds: /the caller waits for ever/,
  },
  {
    what: 'the head is not stored once everything is taken',
    scenario: 'padding at the end of the ring',
    edits: [
      { path: 'lane/intake.ts', from: 'if (stretch.left === 0) this.release();', to: 'if (stretch.left === -1) this.release();' },
    ],
    finds: /waits for ever|not all released/,
  },
  {
    what: 'the head is stored before the record is read',
    scenario: TELLING,
    edits: [
      { path: 'lane/verdict-record.ts', from: 'this.ring.release(this.ring.position);', to: '' },
      {
        path: 'lane/verdict-record.ts',
        from: 'const kind = this.record.kind(offset);',
        to: 'this.ring.release(this.ring.position); const kind = this.record.kind(offset);',
      },
    ],
    finds: /may still be read|may still be written|reads/,
  },
  {
    what: 'the message is asked for once, whatever came in meanwhile',
    scenario: TELLING,
    edits: [
      {
        path: 'lane/producer.ts',
        from: 'do this.drainFailures();\n    while (!this.verdicts.askForMessage());',
        to: 'this.drainFailures(); this.verdicts.askForMessage();',
      },
    ],
    finds: /never read/,
  },
  {
    what: 'what was placed is not published before the wait for room',
    scenario: 'several records in one call',
    edits: [{ path: 'run.ts', from: 'this.publish();\n      const startedAt', to: 'const startedAt' }],
    finds: /the caller waits for ever/,
  },
  {
    what: 'the request to stop is stored after the wake',
    scenario: 'a stop without a record',
    edits: [
      {
        path: 'lane/lane.ts',
        from: 'Atomics.store(this.signals, Signal.Stop, request);\n    this.ring.wake();',
        to: 'this.ring.wake();\n    Atomics.store(this.signals, Signal.Stop, request);',
      },
    ],
    finds: /asked to stop/,
  },
  {
    what: 'the request to stop is looked at before the parked flag goes up',
    scenario: 'a stop without a record',
    edits: [
      { path: 'lane/loop.ts', from: STOP_LOOK, to: '' },
      {
        path: 'lane/loop.ts',
        from: 'if (!this.parkRings(rings)) return;',
        to: `${STOP_LOOK} if (!this.parkRings(rings)) return;`,
      },
    ],
    finds: /asked to stop/,
  },
  {
    what: 'the request to stop is looked at after the drain',
    scenario: 'a stop behind the last record',
    edits: [
      { path: 'lane/loop.ts', from: 'const stop = Atomics.load(this.signals, Signal.Stop);', to: 'let stop = 0;' },
      {
        path: 'lane/loop.ts',
        from: 'const taken = this.drain(stop);',
        to: 'const taken = this.drain(stop); stop = Atomics.load(this.signals, Signal.Stop);',
      },
    ],
    finds: /never taken/,
  },
];

test.each(MUTATIONS)('the model objects when $what ($scenario)', async ({ scenario, edits, finds }) => {
  expect(run(await compiled(edits), scenario, 0).violation).toMatch(finds);
});
