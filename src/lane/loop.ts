import { basename } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { BroadcastChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { damage } from '../journal/damage.js';
import { foldersIn } from '../journal/home.js';
import { reasonOf } from '../journal/system-reason.js';
import type { RingConsumer } from '../ring/consumer.js';
import { openStore } from '../store/open.js';
import type { Pulse } from '../store/store.js';
import { AttachedInlet, openRunsOf } from './attached-inlet.js';
import { LaneClock } from './clock.js';
import { Coalescer } from './coalescer.js';
import { ConfigTags } from './config-tags.js';
import { Delivery } from './delivery.js';
import type { Source } from './horizon.js';
import { Inlet, type InletParts } from './inlet.js';
import { LaneJournal } from './lane-journal.js';
import { Leftovers } from './leftovers.js';
import { Roster } from './roster.js';
import type { CallersQueue, RunQueue } from './run-queue.js';
import { Sender } from './sender.js';
import { Signal, StopRequest, WorkerState } from './signals.js';
import type { Step } from './step.js';
import type { AttachedThread, BellMessage, Knock, LaneControl, LaneJournalSettings, LaneSettings, LaneTask } from './task.js';

/** Two full SQLite batches: enough for full transactions, and what has settled is told every 50 ms or so. */
const RECORDS_PER_TURN = 20_000;

/** While records flow the ring is looked at this often: 4 % of a core, and no wake to pay for by the caller. */
const POLL_MS = 1;

/** Empty looks before the worker parks. A loop that logs every 10 ms or faster never pays for a wake. */
const POLLS_BEFORE_PARKING = 30;

/** A caller that waits in place takes the worker for dead after a second without a sign of life. */
const BEAT_MS = 250;

/** A lane's worker: drains the rings, keeps what it holds in the journal, sends it to the store, settles it. */
export class LaneLoop {
  /** Of the thread that has the tracker. */
  private readonly main: Inlet;
  /** Of the others, by their names. */
  private readonly attached = new Map<string, AttachedInlet>();
  /** All of them. */
  private inlets: readonly Inlet[];
  private readonly inletParts: Omit<InletParts, 'memory' | 'bell' | 'onOpened'>;
  private readonly door: BroadcastChannel;
  private readonly roster: Roster;
  private readonly signals: Int32Array;
  private readonly clock: LaneClock;
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
    this.signals = new Int32Array(memory.signals);
    this.clock = new LaneClock(this.signals, memory.epoch);
    this.bell = task.bell;
    this.isOffline = settings.offline;
    const coalescer = new Coalescer(settings.batch);
    const { signals } = this;
    const isGivenUp = (): boolean => this.isOver || Atomics.load(signals, Signal.Stop) === StopRequest.GiveUp;
    this.sender = new Sender({
      store: openStore(settings, this.pulse()),
      storeName: settings.location.display,
      retry: settings.retry,
      signals,
      watcher: {
        down: (error, isWhole) => this.tellStore(true, isWhole, ({ verdicts }) => verdicts.down(error)),
        up: (isWhole) => this.tellStore(false, isWhole, ({ verdicts }) => verdicts.up()),
        notice: (text) => this.notice(text),
      },
      // What waits goes to the journal, and the loop may be parked.
      onTurnedAway: () => this.rouse(),
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
      onTurn: () => this.rouse(),
    });
    this.roster = new Roster((but) => this.others(but));
    this.inletParts = {
      isOver: isGivenUp,
      intake: {
        coalescer,
        // Offline all of it has landed as soon as it is in the journal.
        mayFallBehind: () => !this.isOffline && this.isJournaling && this.journal?.isWell === true,
        settings,
        clock: this.clock,
        configTags: new ConfigTags((text) => this.notice(text)),
        roster: this.roster,
      },
    };
    this.main = new Inlet({ ...this.inletParts, memory, bell: task.bell });
    this.inlets = [this.main];
    // They may have something to tell at once.
    const { journal } = settings;
    if (journal !== undefined) this.journal = this.newJournal(journal, settings, coalescer);
    if (journal?.sendsLeftovers === true) this.leftovers = this.newLeftovers(journal, coalescer);
    this.sender.prepare();
    const queues = this.main.intake.takeOver(task.openRuns);
    for (const thread of task.attached) queues.push(...this.takeOver(thread));
    this.roster.takeOver(queues);
    this.journal?.takeOver(queues);
    this.door = new BroadcastChannel(memory.door);
    this.door.unref();
    // What other threads of this process say there.
    this.door.onmessage = ({ data }) => this.admit(data as Knock);
    this.bell.on('message', (knock: Knock) => this.admit(knock));
    this.bell.unref();
  }

  /** Of a thread that the worker before knew. */
  private takeOver(thread: AttachedThread): CallersQueue[] {
    const openRuns = openRunsOf(thread);
    const inlet = this.admit(thread);
    return inlet?.intake.takeOver(openRuns) ?? [];
  }

  private admit(knock: Knock): AttachedInlet | undefined {
    const state = Atomics.load(new Int32Array(knock.memory.signals), Signal.State);
    // It knocks until it is heard; and the thread that has the tracker passes it on.
    if (this.isOver || this.attached.has(knock.bell) || state === WorkerState.Closed) return undefined;
    const inlet = new AttachedInlet(knock, this.bell, this.inletParts);
    this.attached.set(knock.bell, inlet);
    this.inlets = [this.main, ...this.attached.values()];
    inlet.ringBell();
    this.rouse();
    return inlet;
  }

  /** Those who have knocked, also in this very turn. */
  private admitAll(): void {
    // The types leave out that a BroadcastChannel will do as well.
    for (const port of [this.bell, this.door as unknown as MessagePort]) {
      for (let heard = receiveMessageOnPort(port); heard !== undefined; heard = receiveMessageOnPort(port))
        this.admit(heard.message as Knock); // what other threads, and the tracker's, say there
    }
  }

  private others(but: Source): readonly Source[] {
    // Who has told this thread something may have knocked only just before.
    this.admitAll();
    return this.attached.size === 0 ? [] : this.inlets.map(({ ring }) => ring).filter((ring) => ring !== but);
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
          this.main.tell((verdicts) => verdicts.trouble(error));
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
      onRun: (queue) => this.precedes(queue),
    });
  }

  private precedes(queue: RunQueue): void {
    const open = new Set(this.inlets.flatMap(({ intake }) => [...intake.precedes(queue)]));
    for (const id of [queue.runId, queue.storeId]) if (id !== undefined && !open.has(id)) this.roster.precede(id, queue);
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
        const queue = this.main.intake.queue(slot);
        return queue?.runId === runId ? queue.storeId : runId;
      },
    };
  }

  /** Ends when the caller's side asks for it. A rejection is a bug or a broken machine: it ends the worker. */
  async run(): Promise<void> {
    Atomics.store(this.signals, Signal.State, WorkerState.Running);
    this.main.ring.unpark();
    let polls = 0;
    for (;;) {
      // Stop is read before the drain: read after it, what was published in between would be left behind.
      const stop = Atomics.load(this.signals, Signal.Stop);
      if (stop === StopRequest.GiveUp) break;
      this.clock.tick();
      const taken = this.drain(stop);
      const waiting = this.dispatch(taken, stop !== StopRequest.None);
      if (taken > 0) {
        polls = 0;
        await nextTurn();
        continue;
      }
      // Nobody waits for those, and the store may be away for days.
      const abandoned = this.sender.isTurnedAway ? (this.leftovers?.abandoned ?? 0) : 0;
      const idle = this.delivery.sending === abandoned && !waiting && (stop === StopRequest.None || this.attached.size === 0);
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
    this.door.close();
    this.sender.giveUp();
    // Before the store, which may take its time with a server that hangs.
    this.closeJournals();
    for (const inlet of this.attached.values()) inlet.close();
    await this.sender.close();
    Atomics.store(this.signals, Signal.State, WorkerState.Closed);
    this.announce();
  }

  /** Takes what has been published, and lets those go that are done. */
  private drain(stop: number): number {
    // Who logged before the stop has knocked before it.
    if (stop !== StopRequest.None) this.admitAll();
    return this.attached.size === 0 ? this.main.intake.drain(RECORDS_PER_TURN) : this.drainAll();
  }

  private drainAll(): number {
    const everybody = Atomics.load(this.signals, Signal.Dismissed);
    const limit = Math.ceil(RECORDS_PER_TURN / this.inlets.length);
    let taken = this.main.intake.drain(limit);
    for (const inlet of this.attached.values()) {
      // Before its ring: read after it, what was published in between would be left behind.
      const dismissal = inlet.dismissal || everybody;
      if (!inlet.isDismissed) {
        const count = inlet.intake.drain(limit);
        taken += count;
        if (count === limit) continue;
      }
      inlet.dismiss(dismissal);
      if (inlet.isDone) this.letGo(inlet);
    }
    return taken;
  }

  private letGo(inlet: AttachedInlet): void {
    this.attached.delete(inlet.bellName);
    this.inlets = [this.main, ...this.attached.values()];
    inlet.close();
    this.bell.postMessage({ bell: inlet.bellName, gone: true } satisfies BellMessage);
    this.announce();
  }

  private rouse(): void {
    this.main.ring.rouse();
  }

  private async park(): Promise<void> {
    const rings = this.inlets.map(({ ring }) => ring);
    if (!this.parkRings(rings)) return;
    // A request to stop wakes through the same flag, so it is looked at again once the flag is up.
    if (Atomics.load(this.signals, Signal.Stop) !== StopRequest.None || this.inlets.some(({ isToGo }) => isToGo)) {
      for (const ring of rings) ring.unpark();
      return;
    }
    this.clock.off();
    this.parked = true;
    const beats = this.delivery.sending > 0 ? setInterval(() => this.beat(), BEAT_MS) : undefined;
    if (rings.length === 1) await this.main.ring.woken();
    else await anyWoken(rings);
    clearInterval(beats);
    this.parked = false;
  }

  /** False: something came in meanwhile, stay awake. */
  private parkRings(rings: readonly RingConsumer[]): boolean {
    for (const [i, ring] of rings.entries()) {
      if (ring.park()) continue;
      for (const parked of rings.slice(0, i)) parked.unpark();
      return false;
    }
    return true;
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
    let waiting = this.roster.placeAll();
    if (journal !== undefined) {
      const isKept = this.keep(journal);
      waiting = !isKept || journal.fill() || (inHurry && journal.hasBacklog) || waiting;
      journal.collect();
      // Where the journal is the store, nothing has landed before.
      if (!isKept && this.isOffline) return true;
    }
    if (inHurry && taken === 0 && !(leftovers?.isLooking && this.inlets.some(({ intake }) => intake.mayHaveLeft)))
      leftovers?.stop(this.inlets.flatMap(({ intake }) => [...intake.awaited()]));
    if (leftovers?.isLooking === true) {
      // What is logged now may be of a run that a dead process has left, and comes behind it.
      this.clock.off();
      Atomics.store(this.signals, Signal.State, WorkerState.InStore);
      leftovers.look();
      this.beat();
      return true;
    }
    const isReading = leftovers?.fill() === true;
    const lingers = this.delivery.start(inHurry || this.inlets.some(({ isInHurry }) => isInHurry));
    return waiting || lingers || isReading;
  }

  /** Whether what is logged goes to the journal, whatever the store does with it. */
  private get isJournaling(): boolean {
    const { journal } = this;
    if (journal === undefined) return false;
    return (
      journal.settings.ahead ||
      this.sender.isTurnedAway ||
      journal.hasBacklog ||
      this.inlets.some(({ intake }) => intake.isBehind)
    );
  }

  /** True: nothing waits for the journal. */
  private keep(journal: LaneJournal): boolean {
    const isAll = this.isJournaling;
    const drafted = this.inlets.flatMap(({ intake }) => [...intake.drafted]);
    const hadAny = drafted.length > 0 || journal.hasUnpublished;
    const isKept = journal.keep(isAll ? drafted : []);
    for (const { intake } of this.inlets) {
      for (const queue of intake.drafted) if (queue.drafts.isEmpty) intake.drafted.delete(queue);
      if (isKept && isAll && hadAny) intake.journaled();
    }
    if (isKept && isAll && hadAny) this.announce();
    return isKept;
  }

  private closeJournals(): void {
    this.journal?.close();
    this.leftovers?.close();
  }

  private notice(text: string): void {
    this.main.tell((verdicts) => verdicts.notice(text));
  }

  private tellStore(isDown: boolean, isWhole: boolean, write: (inlet: Inlet) => void): void {
    if (isWhole) Atomics.store(this.signals, Signal.DownSince, isDown ? this.clock.now() : 0);
    for (const inlet of this.inlets) inlet.tell(() => write(inlet));
    // Who waits at the end of the process need not wait for a store that is away.
    this.announce();
  }

  private settled(queue: RunQueue, step: Step): void {
    // What earlier processes left is of none of them.
    const inlet = this.inlets.find(({ intake }) => intake.owns(queue));
    const intake = (inlet ?? this.main).intake;
    if (step.kind === 'batch') {
      for (const { stretch, count } of step.stretches) intake.settled(stretch, count);
    } else if (step.stretch !== undefined) {
      intake.settled(step.stretch, 1);
    }
    if (step.kind === 'end') {
      intake.forget(queue);
      this.leftovers?.ended(queue);
      if (inlet instanceof AttachedInlet) inlet.ended(queue);
    }
    // What comes next of this run may linger, and other runs wait for its creation or its end.
    this.rouse();
    this.announce();
  }

  private announce(): void {
    for (const inlet of this.inlets) inlet.announce();
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

async function anyWoken(rings: readonly RingConsumer[]): Promise<void> {
  await Promise.race(rings.map((ring) => ring.woken()));
  // A waiter that is left on a word for every sleep would be a leak.
  for (const ring of rings) ring.rouse();
}
