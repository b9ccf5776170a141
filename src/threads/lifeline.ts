/**
 * How a thread that is terminated is noticed: it holds one end of a MessageChannel, which closes with it, and the thread
 * that has the tracker holds the other. Each notices the end of the other.
 */
import { MessageChannel, type MessagePort, postMessageToThread, threadId } from 'node:worker_threads';

interface Lifeline {
  /** Name of the door that the thread has knocked on. */
  readonly headraceDoor: string;
  readonly bell: string;
  readonly port: MessagePort;
}

/** By the name of the door. One listener for all: more than ten on `process` are taken for a leak. */
const watched = new Map<string, LifelineListener>();

export interface LifelineListener {
  /** The end of the thread of this name will be noticed. */
  caught(bell: string): void;
  /** It has ended. */
  dead(bell: string): void;
}

/** Of threads that knock on this door. */
export function awaitLifelines(door: string, listener: LifelineListener): void {
  if (watched.size === 0) process.on('workerMessage', onMessage);
  watched.set(door, listener);
}

export function ignoreLifelines(door: string): void {
  if (watched.delete(door) && watched.size === 0) process.off('workerMessage', onMessage);
}

/**
 * Lets `owner`, the thread behind the door, notice the end of this one; `onCut` is called at the end of that one, or when
 * nobody is there already. Returns what makes this thread deaf to it.
 */
export function throwLifeline(owner: number, door: string, bell: string, onCut: () => void): () => void {
  // It lives as long as its tracker does.
  if (owner === threadId) return () => {};
  const { port1, port2 } = new MessageChannel();
  port1.on('close', onCut);
  port1.unref();
  const lifeline: Lifeline = { headraceDoor: door, bell, port: port2 };
  // That thread may be gone, or have closed its tracker: then there is nobody to notice.
  postMessageToThread(owner, lifeline, [port2]).catch(() => port1.close());
  return () => port1.off('close', onCut);
}

/** Messages between threads are everybody's: those of the program's own are none of ours. */
function onMessage(message: unknown): void {
  if (!isLifeline(message)) return;
  const { headraceDoor, bell, port } = message;
  watched.get(headraceDoor)?.caught(bell);
  port.on('close', () => watched.get(headraceDoor)?.dead(bell));
  port.unref();
}

function isLifeline(message: unknown): message is Lifeline {
  return typeof message === 'object' && message !== null && 'headraceDoor' in message && 'port' in message;
}
