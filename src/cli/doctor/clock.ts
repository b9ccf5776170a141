import { duration } from '../words.js';
import { type Finding, note, ok, todo } from './finding.js';

/** An answer's Date has no parts of a second, and takes its time on the way. */
const CLOCK_SLACK_MS = 2000;

/** From here on a run's times are of no use beside those of another machine. */
const CLOCK_LIMIT_MS = 10_000;

/** `apartMs`: by how much the store's clock is ahead of this machine's. */
export function clock(apartMs: number): Finding {
  const off = Math.abs(apartMs);
  if (off <= CLOCK_SLACK_MS) return ok('the clocks agree');
  const what = `the server's clock is ${duration(off)} ${apartMs > 0 ? 'ahead of' : 'behind'} this machine's`;
  const remedy = 'set the one that is wrong by NTP (timedatectl set-ntp true)';
  return off > CLOCK_LIMIT_MS ? todo(what, remedy) : note(what, remedy);
}
