import type { FlushOptions, Tracker } from '../api.js';
import type { Report } from '../report.js';
import { createTracker } from '../tracker.js';

/** One per uri. Like any tracker they are finished by the end of the process, and don't keep it alive. */
const trackers = new Map<string, Tracker>();

/** Of the uri in the environment, which `setTrackingUri` sets, too. */
export function currentTracker(): Tracker {
  const uri = process.env.MLFLOW_TRACKING_URI ?? '';
  let tracker = trackers.get(uri);
  if (tracker === undefined) {
    tracker = createTracker();
    trackers.set(uri, tracker);
  }
  return tracker;
}

/** One after the other: of the failures, each is told by one rejection, and those of later trackers wait for the next report. */
export async function flushTrackers(options: FlushOptions | undefined): Promise<Report> {
  const reports: Report[] = [];
  for (const tracker of trackers.values()) reports.push(await tracker.flush(options));
  return {
    accepted: sum(reports, 'accepted'),
    landed: sum(reports, 'landed'),
    failed: sum(reports, 'failed'),
    pending: sum(reports, 'pending'),
    durable: sum(reports, 'durable'),
    journal: reports.find(({ journal }) => journal !== undefined)?.journal,
    failures: reports.flatMap(({ failures }) => failures),
  };
}

function sum(reports: readonly Report[], count: 'accepted' | 'landed' | 'failed' | 'pending' | 'durable'): number {
  return reports.reduce((total, report) => total + report[count], 0);
}
