/** The pool's worker: wires a lane's loop to its ports. The task returns at once, as a running task would keep the process alive. */
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { LaneLoop } from '../src/lane/loop.js';
import type { LaneTask } from '../src/lane/task.js';

export default function start(task: LaneTask): void {
  const loop = new LaneLoop(task);
  expose(loop.control, nodeEndpoint(task.control));
  // A rejection is left unhandled on purpose: it ends this worker, and the lane gets a new one.
  void loop.run();
}
