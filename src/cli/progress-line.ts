/** How far it is, on a terminal; and what is to be said meanwhile, anywhere. All of it on stderr. */
import cliProgress from 'cli-progress';

/** Often enough to look alive. */
const FPS = 5;

export class ProgressLine {
  private readonly bar: InstanceType<typeof cliProgress.SingleBar> | undefined;
  private isShown = false;

  constructor(title: string) {
    if (!process.stderr.isTTY) return;
    this.bar = new cliProgress.SingleBar({
      format: `${title.replaceAll('{', '(')} {bar} {value} of {total} records`,
      fps: FPS,
      hideCursor: true,
      linewrap: false,
      clearOnComplete: true,
      // The command ends by itself when it is told to.
      gracefulExit: false,
    });
  }

  show(value: number, total: number): void {
    if (this.bar === undefined || total === 0) return;
    if (this.isShown) {
      this.bar.setTotal(total);
      this.bar.update(value);
    } else {
      this.bar.start(total, value);
      this.isShown = true;
    }
  }

  say(text: string): void {
    this.end();
    process.stderr.write(`headrace: ${text}\n`);
  }

  end(): void {
    if (this.isShown) this.bar?.stop();
    this.isShown = false;
  }
}
