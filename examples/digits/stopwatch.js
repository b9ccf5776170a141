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
   * The same callbacks, with the time of each call added up.
   * @template {object} T
   * @param {T} callbacks
   */
  around(callbacks) {
    const timed = Object.entries(callbacks).map(([name, call]) => [name, this.#timed(call)]);
    // Each function is as it was, for whoever calls it.
    return /** @type {T} */ (Object.fromEntries(timed));
  }

  /** @param {(...args: unknown[]) => unknown} call */
  #timed(call) {
    const watch = this;
    /**
     * @this {unknown}
     * @param {unknown[]} args
     */
    return function (...args) {
      watch.start();
      try {
        return call.apply(this, args);
      } finally {
        watch.stop();
      }
    };
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
