import { basename } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { damage } from '../journal/damage.js';
import { foldersIn } from '../journal/home.js';
import { reasonOf } from '../journal/system-reason.js';
import { RingConsumer } from '../ring/consumer.js';
import { KeyReader } from '../ring/key-table.js';
import { RecordReader } from '../ring/record.js';
import { openStore } from '../store/open.js';
import type { Pulse } from '../store/store.js';
import { LaneClock } from './clock.js';
import { Coalescer } from './coalescer.js';
import { ConfigTags } from './config-tags.js';
import { Delivery } from './delivery.js';
import { Intake } from './intake.js';
import { LaneJournal } from './lane-journal.js';
import { Leftovers } from './leftovers.js';
import type { RunQueue, Step } from './run-queue.js';
import { RunTable } from './run-table.js';
import { Sender } from './sender.js';
import { Signal, StopRequest, WorkerState } from './signals.js';
import type { LaneControl, LaneJournalSettings, LaneSettings, LaneTask } from './task.js';
import { VerdictWriter } from './verdict-record.js';

/** Two full SQLite batches: enough for full transactions, and what has settled is told every 50 ms or so. */
const RECORDS_PER_TURN = 20_000;

/** While records flow the ring is looked at this often: 4 % of a core, and no wake to pay for by the caller. */
const POLL_MS = 1;

/** Empty looks before the worker parks. A loop that logs every 10 ms or faster never pays for a wake. */
const POLLS_BEFORE_PARKING = 30;

/** A caller that waits in place takes the worker for dead after a second without a sign of life. */
const BEAT_MS = 250;

/** A lane's worker: drains the ring, keeps what it holds in the journal, sends it to the store, settles it. */
export class LaneLoop {
  private readonly ring: RingConsumer;
  private readonly signals: Int32Array;
  private readonly clock: LaneClock;
  private readonly verdicts: VerdictWriter;
  private readonly intake: Intake;
  private readonly sender: Sender;
  private readonly delivery: Delivery;
  /** Undefined: what is accepted is in memory until it has landed. */
  private readonly journal: LaneJournal | undefined;
  private readonly leftovers: Leftovers | undefined;
  private readonly isOffline: boolean;
  private readonly bell: MessagePort;
  private parked = false;
  /** What is under way comes to nothing. */
  private isOver = false;

  constructor(task: LaneTask) {
    const { memory, settings } = task;
    this.ring = new RingConsumer(memory.ring);
    this.ring.touch();
    this.signals = new Int32Array(memory.signals);
    this.clock = new LaneClock(this.signals, memory.epoch);
    this.verdicts = new VerdictWriter(memory.verdicts);
    this.bell = task.bell;
    this.isOffline = settings.offline;
    const coalescer = new Coalescer(settings.batch);
    const { ring, signals, verdicts } = this;
    const isGivenUp = (): boolean => this.isOver || Atomics.load(signals, Signal.Stop) === StopRequest.GiveUp;
    this.sender = new Sender({
      store: openStore(settings, this.pulse()),
      storeName: settings.location.display,
      retry: settings.retry,
      signals,
      watcher: {
        down: (error, isWhole) => this.tellStore(true, isWhole, () => verdicts.down(error)),
        up: (isWhole) => this.tellStore(false, isWhole, () => verdicts.up()),
        notice: (text) => this.notice(text),
      },
      // What waits goes to the journal, and the loop may be parked.
      onTurnedAway: () => ring.rouse(),
    });
    this.delivery = new Delivery({
      coalescer,
      sender: this.sender,
      lingerMs: settings.batch.lingerMs,
      listener: {
        settled: (queue, step) => this.settled(queue, step),
        get isGivenUp() {
          return isGivenUp();
        },
      },
    });
    const { journal } = settings;
    if (journal !== undefined) this.journal = this.newJournal(journal, settings, coalescer);
    if (journal?.sendsLeftovers === true) this.leftovers = this.newLeftovers(journal, coalescer);
    this.intake = new Intake({
      ring,
      record: new RecordReader(ring),
      keys: new KeyReader(memory.keys),
      ear: {
        table: new RunTable(memory.runs),
        verdicts,
        publish: () => this.ringBell(),
        get isGivenUp() {
          return isGivenUp();
        },
      },
      coalescer,
      // Offline all of it has landed as soon as it is in the journal.
      mayFallBehind: () => !this.isOffline && this.isJournaling && this.journal?.isWell === true,
      settings,
      clock: this.clock,
      epoch: memory.epoch,
      configTags: new ConfigTags((text) => this.notice(text)),
    });
    this.sender.prepare();
    const queues = this.intake.takeOver(task.openRuns);
    this.journal?.takeOver(queues);
  }

  private newJournal(journal: LaneJournalSettings, settings: LaneSettings, coalescer: Coalescer): LaneJournal {
    return new LaneJournal({
      settings: journal,
      location: settings.location,
      pulse: this.pulse(),
      isOffline: settings.offline,
      coalescer,
      listener: {
        cannotWrite: (error) => {
          this.tell(() => this.verdicts.trouble(error));
          this.notice(
            `${error.message}; until it can be written again what is logged is kept in memory, as far as there is room`,
          );
        },
        canWriteAgain: () => this.notice(`journal ${journal.folder} can be written again`),
        skipped: (skipped) => this.notice(damage(skipped)),
      },
    });
  }

  private newLeftovers({ home, folder: own, durability }: LaneJournalSettings, coalescer: Coalescer): Leftovers {
    return new Leftovers({
      home,
      // Another tracker of this process may look there as well.
      holder: `leftovers for ${basename(own)}`,
      folders: this.journalsIn(home).filter((folder) => folder !== own),
      durability,
      coalescer,
      notice: (text) => this.notice(text),
      onRun: (queue) => this.intake.precedes(queue),
    });
  }

  /** A tracker whose journals have no place logs all the same; what writes there says the rest. */
  private journalsIn(home: string): string[] {
    try {
      return foldersIn(home);
    } catch (error) {
      this.notice(`${home} can't be read: ${reasonOf(error)}; what earlier processes left there is not sent`);
      return [];
    }
  }

  get control(): LaneControl {
    return {
      storeId: async (slot, runId) => {
        const queue = this.intake.queue(slot);
        return queue?.runId === runId ? queue.storeId : runId;
      },
    };
  }

  /** Ends when the caller's side asks for it. A rejection is a bug or a broken machine: it ends the worker. */
  async run(): Promise<void> {
    Atomics.store(this.signals, Signal.State, WorkerState.Running);
    this.ring.unpark();
    let polls = 0;
    for (;;) {
      // Stop is read before the drain: read after it, what was published in between would be left behind.
      const stop = Atomics.load(this.signals, Signal.Stop);
      if (stop === StopRequest.GiveUp) break;
      this.clock.tick();
      const taken = this.intake.drain(RECORDS_PER_TURN);
      const waiting = this.dispatch(taken, stop !== StopRequest.None);
      if (taken > 0) {
        polls = 0;
        await nextTurn();
        continue;
      }
      // Nobody waits for those, and the store may be away for days.
      const abandoned = this.sender.isTurnedAway ? (this.leftovers?.abandoned ?? 0) : 0;
      const idle = this.delivery.sending === abandoned && !waiting;
      if (idle && stop === StopRequest.Finish) break;
      // Also while requests are away: a store may be for hours. What settles meanwhile rouses.
      if (!waiting && stop === StopRequest.None && ++polls > POLLS_BEFORE_PARKING) {
        await this.park();
        // Woken by a record, it finds that; roused by an answer of the store, it need not look for a while as if records flowed:
        // beside a server that has its requests answered every 30 ms those looks were a sixth of what the lane takes of a core.
        polls = POLLS_BEFORE_PARKING;
      } else {
        await sleep(POLL_MS);
      }
    }
    this.clock.off();
    this.isOver = true;
    this.sender.giveUp();
    // Before the store, which may take its time with a server that hangs.
    this.closeJournals();
    await this.sender.close();
    Atomics.store(this.signals, Signal.State, WorkerState.Closed);
    this.announce();
  }

  private async park(): Promise<void> {
    if (!this.ring.park()) return;
    // A request to stop wakes through the same flag, so it is looked at again once the flag is up.
    if (Atomics.load(this.signals, Signal.Stop) !== StopRequest.None) {
      this.ring.unpark();
      return;
    }
    this.clock.off();
    this.parked = true;
    const beats = this.delivery.sending > 0 ? setInterval(() => this.beat(), BEAT_MS) : undefined;
    await this.ring.woken();
    clearInterval(beats);
    this.parked = false;
  }

  /** A sign of life. */
  private beat(): void {
    this.clock.tick();
    // The next tick may be far away.
    if (this.parked) this.clock.off();
    Atomics.store(this.signals, Signal.State, WorkerState.Running);
  }

  /** What was taken goes to the journal and then to the store. True: there is something to be done soon. */
  private dispatch(taken: number, inHurry: boolean): boolean {
    const { journal, leftovers } = this;
    let waiting = false;
    if (journal !== undefined) {
      const isKept = this.keep(journal);
      waiting = !isKept || journal.fill() || (inHurry && journal.hasBacklog);
      journal.collect();
      // Where the journal is the store, nothing has landed before.
      if (!isKept && this.isOffline) return true;
    }
    if (inHurry && taken === 0 && !(leftovers?.isLooking && this.intake.mayHaveLeft)) leftovers?.stop(this.intake.awaited());
    if (leftovers?.isLooking === true) {
      // What is logged now may be of a run that a dead process has left, and comes behind it.
      this.clock.off();
      Atomics.store(this.signals, Signal.State, WorkerState.InStore);
      leftovers.look();
      this.beat();
      return true;
    }
    const isReading = leftovers?.fill() === true;
    const lingers = this.delivery.start(inHurry || Atomics.load(this.signals, Signal.Urgent) !== 0);
    return waiting || lingers || isReading;
  }

  /** Whether what is logged goes to the journal, whatever the store does with it. */
  private get isJournaling(): boolean {
    const { journal } = this;
    if (journal === undefined) return false;
    return journal.settings.ahead || this.sender.isTurnedAway || journal.hasBacklog || this.intake.isBehind;
  }

  /** True: nothing waits for the journal. */
  private keep(journal: LaneJournal): boolean {
    const { drafted } = this.intake;
    const isAll = this.isJournaling;
    const hadAny = drafted.size > 0 || journal.hasUnpublished;
    const isKept = journal.keep(isAll ? drafted : []);
    for (const queue of drafted) if (queue.drafts.isEmpty) drafted.delete(queue);
    if (isKept && isAll && hadAny) {
      this.intake.journaled();
      this.announce();
    }
    return isKept;
  }

  private closeJournals(): void {
    this.journal?.close();
    this.leftovers?.close();
  }

  private tell(write: () => void): void {
    write();
    this.ringBell();
  }

  private notice(text: string): void {
    this.tell(() => this.verdicts.notice(text));
  }

  private tellStore(isDown: boolean, isWhole: boolean, write: () => void): void {
    if (isWhole) Atomics.store(this.signals, Signal.DownSince, isDown ? this.clock.now() : 0);
    this.tell(write);
    // Who waits at the end of the process need not wait for a store that is away.
    this.announce();
  }

  private ringBell(): void {
    if (this.verdicts.publish()) this.bell.postMessage(0);
  }

  private settled(queue: RunQueue, step: Step): void {
    if (step.kind === 'batch') {
      for (const { stretch, count } of step.stretches) this.intake.settled(stretch, count);
    } else if (step.stretch !== undefined) {
      this.intake.settled(step.stretch, 1);
    }
    if (step.kind === 'end') {
      this.intake.forget(queue);
      this.leftovers?.ended(queue);
    }
    // What comes next of this run may linger, and other runs wait for its creation or its end.
    this.ring.rouse();
    this.announce();
  }

  /** Tells whoever watches the cursors, by the way it watches. */
  private announce(): void {
    Atomics.add(this.signals, Signal.Settled, 1);
    if (Atomics.load(this.signals, Signal.Watching) !== 0) Atomics.notify(this.signals, Signal.Settled);
    if (Atomics.load(this.signals, Signal.Bell) !== 0 && Atomics.exchange(this.signals, Signal.Bell, 0) !== 0)
      this.bell.postMessage(0);
  }

  private pulse(): Pulse {
    return {
      beat: () => this.beat(),
      pause: () => {
        this.clock.off();
        Atomics.store(this.signals, Signal.State, WorkerState.InStore);
      },
    };
  }
}
