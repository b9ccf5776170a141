// @ts-check
import cliProgress from 'cli-progress';

/** A bar on a terminal, nothing in a pipe, where each run has one line when it is done. */
export class Progress {
  /** @param {number} steps */
  constructor(steps) {
    this.steps = steps;
    this.done = 0;
    /** @type {InstanceType<typeof cliProgress.SingleBar> | undefined} */
    this.bar = undefined;
  }

  /** @param {string} name */
  startRun(name) {
    if (!process.stdout.isTTY) return;
    this.bar = new cliProgress.SingleBar({
      format: '{bar} {percentage} %  {name}  step {step}  loss {loss}',
      clearOnComplete: true,
      // With these Ctrl-C needs no handler that tidies the terminal, and headrace's own can end the process.
      gracefulExit: false,
      hideCursor: false,
      linewrap: true,
    });
    this.bar.start(this.steps, this.done, { name, step: 0, loss: '' });
  }

  /**
   * @param {number} step
   * @param {number} loss
   */
  step(step, loss) {
    this.done += 1;
    this.bar?.update(this.done, { step, loss: loss.toFixed(3) });
  }

  stop() {
    this.bar?.stop();
    this.bar = undefined;
  }
}
