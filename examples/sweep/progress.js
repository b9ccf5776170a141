// @ts-check
import cliProgress from 'cli-progress';

/** A bar on a terminal, and a line for each trial that is done; in a pipe the lines alone. */
export class Progress {
  /** @type {InstanceType<typeof cliProgress.SingleBar> | undefined} */
  #bar;
  /** @type {Map<string, number>} */
  #steps = new Map();
  #total;

  /** @param {number} total steps of all trials */
  constructor(total) {
    this.#total = total;
    this.#show();
  }

  /**
   * @param {string} trial
   * @param {number} step that it has come to
   */
  step(trial, step) {
    this.#steps.set(trial, step);
    this.#bar?.update(this.#done);
  }

  /** @param {string} line */
  say(line) {
    this.stop();
    console.log(line);
    this.#show();
  }

  stop() {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #show() {
    if (!process.stdout.isTTY) return;
    this.#bar = new cliProgress.SingleBar({
      format: '{bar} {percentage} %  {value} of {total} steps',
      clearOnComplete: true,
      // The sweep tidies up itself when it is told to stop.
      gracefulExit: false,
      hideCursor: false,
      linewrap: true,
    });
    this.#bar.start(this.#total, this.#done);
  }

  get #done() {
    return [...this.#steps.values()].reduce((sum, steps) => sum + steps, 0);
  }
}
