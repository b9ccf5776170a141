// @ts-check

/** Adds up the time between `start` and `stop`; about one reading of the clock per pair is in the sum. */
export class Stopwatch {
  milliseconds = 0;
  #since = 0;

  start() {
    this.#since = performance.now();
  }

  stop() {
    this.milliseconds += performance.now() - this.#since;
  }

  /**
   * The time of whatever `work` does, its waits included.
   * @template T
   * @param {() => T | Promise<T>} work
   */
  async during(work) {
    this.start();
    try {
      return await work();
    } finally {
      this.stop();
    }
  }
}
