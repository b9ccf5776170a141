// @ts-check
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('trial.js', import.meta.url));

/** @typedef {import('./trials.js').Trial} Trial */
/** @typedef {import('./trial.js').Told} Told */
/** @typedef {{ ended: 'well' | 'failed' | 'killed', accuracy: number | undefined }} Outcome */

/** The processes that train, as many at a time as the sweep asks for. */
export class Processes {
  /** @type {Set<import('node:child_process').ChildProcess>} */
  #running = new Set();
  isStopped = false;

  /**
   * Resolves when the trial's process has ended, however it did.
   * @param {Trial} trial
   * @param {string} parentRunId
   * @param {(step: number) => void} onStep
   * @returns {Promise<Outcome>}
   */
  async run(trial, parentRunId, onStep) {
    const child = fork(PROGRAM, [JSON.stringify({ ...trial, parentRunId })], {
      // A group of its own: Ctrl-C reaches the sweep alone, which ends its trials once. Twice would cut headrace's end short.
      detached: true,
      // TensorFlow.js greets on stdout.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#running.add(child);
    /** @type {number | undefined} */
    let accuracy;
    child.on('message', (message) => {
      const told = /** @type {Told} */ (message); // sent by trial.js and by nobody else
      if ('step' in told) onStep(told.step);
      else accuracy = told.accuracy;
    });
    const [code, signal] = await once(child, 'close');
    this.#running.delete(child);
    return { ended: signal !== null ? 'killed' : code === 0 ? 'well' : 'failed', accuracy };
  }

  /** headrace ends their runs as KILLED before they go. */
  stop() {
    this.isStopped = true;
    for (const child of this.#running) child.kill('SIGTERM');
  }
}
