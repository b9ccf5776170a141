/**
 * The end of the process. However it comes, what was accepted is landed first, in place: an exit listener
 * has no turns of the event loop left, and a program that dies of a signal should not go on meanwhile.
 */
import { writeSync } from 'node:fs';
import type { RunStatus } from './store/store.js';

/** What the end of the process needs of a tracker. */
export interface Exiting {
  readonly handlesSignals: boolean;
  /** Runs that are open, or whose end has not landed yet. */
  readonly hasRuns: boolean;
  /** Lands what was accepted, ending open runs with `status` if there is one. Returns what the user should read. */
  finishInPlace(status: RunStatus | undefined): string[];
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

const trackers = new Set<Exiting>();
let received: NodeJS.Signals | undefined;
/** An error was not caught. The process may live on: a program's own listener closes its tracker, say. */
let crashed = false;
let listensToExit = false;
let listensToSignals = false;

/** From now on the tracker is finished when the process ends. */
export function finishAtExit(tracker: Exiting): void {
  trackers.add(tracker);
  if (listensToExit) return;
  listensToExit = true;
  process.on('exit', onExit);
  // Unlike `uncaughtException` it changes nothing about how Node goes on.
  process.on('uncaughtExceptionMonitor', onCrash);
}

export function forgetAtExit(tracker: Exiting): void {
  trackers.delete(tracker);
  updateSignals();
  if (trackers.size > 0) return;
  process.off('exit', onExit);
  process.off('uncaughtExceptionMonitor', onCrash);
  listensToExit = false;
}

/** Signal listeners exist only while a run is open: call it when one starts or ends. */
export function updateSignals(): void {
  const wanted = [...trackers].some((tracker) => tracker.handlesSignals && tracker.hasRuns);
  if (wanted === listensToSignals) return;
  listensToSignals = wanted;
  for (const signal of SIGNALS) {
    if (wanted) process.on(signal, onSignal);
    else process.off(signal, onSignal);
  }
}

/** How runs end that are open when the process, or the tracker, does. */
export function endingStatus(exitCode: number): RunStatus {
  if (received !== undefined) return 'KILLED';
  return exitCode === 0 && !crashed ? 'FINISHED' : 'FAILED';
}

function onCrash(): void {
  crashed = true;
}

function onExit(code: number): void {
  finishAll(endingStatus(code));
}

function onSignal(signal: NodeJS.Signals): void {
  received = signal;
  const others = process.listeners(signal).filter((listener) => listener !== onSignal);
  if (others.length > 0) {
    // The program has its own plan: what is there is landed, and how to end is left to it.
    finishAll(undefined);
    return;
  }
  // Before the wait: with no listener left the default action is back, and a second Ctrl-C ends it at once.
  listensToSignals = false;
  for (const each of SIGNALS) process.off(each, onSignal);
  finishAll('KILLED');
  process.kill(process.pid, signal);
}

function finishAll(status: RunStatus | undefined): void {
  for (const tracker of trackers) {
    for (const line of tracker.finishInPlace(status)) say(line);
  }
}

/** Says it on stderr, and at once: a stream may not be flushed any more. In one line, whatever text of the user stands in it. */
export function say(text: string): void {
  try {
    writeSync(2, `headrace: ${text.replace(/\s*[\r\n]+\s*/g, ' ')}\n`);
  } catch {
    // stderr is closed or full, and there is no other place to tell.
  }
}
