/** A fake server of a test's own, with stores and trackers on it; all of it ends with the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, type TestContext } from 'vitest';
import { createTracker, type Tracker, type TrackerOptions } from '../../src/index.js';
import { MlflowStore } from '../../src/store/mlflow/mlflow-store.js';
import type { ServerSettings } from '../../src/store/mlflow/server-settings.js';
import { StoreBusyError } from '../../src/store/store.js';
import { FakeMlflow, type FakeOptions } from './fake-mlflow.js';
import type { HeldRun } from './mlflow-state.js';

/** Long enough for a slow machine, short enough to wait for. */
const TIMEOUT_MS = 300;

export class Served {
  readonly fake: FakeMlflow;
  readonly journals: string = mkdtempSync(join(tmpdir(), 'headrace-'));
  private readonly ends: (() => Promise<unknown>)[] = [];

  private constructor(fake: FakeMlflow) {
    this.fake = fake;
  }

  /** `whenFinished`: the test's own, for those that run side by side. */
  static async start(options: FakeOptions = {}, whenFinished: TestContext['onTestFinished'] = onTestFinished): Promise<Served> {
    const served = new Served(await FakeMlflow.start(options));
    whenFinished(async () => {
      // Clients first: a tracker waits for a server that is gone.
      await Promise.all(served.ends.map((end) => end()));
      await served.fake.close();
      rmSync(served.journals, { recursive: true, force: true });
      const unmet = served.fake.unmet().map(({ match, deed }) => JSON.stringify([match, deed]));
      if (unmet.length > 0) throw new Error(`a fault never fired: ${unmet.join(', ')}`);
    });
    return served;
  }

  settings(settings: Partial<ServerSettings> = {}): ServerSettings {
    return {
      url: this.fake.url,
      authorization: undefined,
      workspace: undefined,
      tls: { verify: true, ca: undefined, clientCertificate: undefined, clientKey: undefined },
      proxy: undefined,
      timeoutMs: TIMEOUT_MS,
      connections: 8,
      respectRetryAfter: true,
      secrets: [],
      ...settings,
    };
  }

  /** Opened. */
  async store(settings: Partial<ServerSettings> = {}): Promise<MlflowStore> {
    const store = new MlflowStore({
      server: this.settings(settings),
      limits: { maxParams: 100, maxMetrics: 1000, maxTags: 100, maxEntities: 1000, maxBytes: 900_000, lingerMs: 0 },
      pulse: { beat: () => undefined, pause: () => undefined },
    });
    this.ends.push(() => store.close());
    await store.open();
    return store;
  }

  tracker(options: TrackerOptions = {}): Tracker {
    const tracker = createTracker({ uri: this.fake.url, journal: { dir: this.journals }, ...options });
    this.ends.push(() => tracker.close({ throwOnFailure: false, timeoutMs: 500 }).catch(() => undefined));
    return tracker;
  }

  run(id: string): HeldRun {
    return this.fake.state.run(id);
  }

  params(id: string): Record<string, string> {
    return Object.fromEntries(this.run(id).params);
  }

  /** Without those that every run gets. */
  tags(id: string): Record<string, string> {
    return Object.fromEntries([...this.run(id).tags].filter(([key]) => !/^(?:mlflow|headrace)\./.test(key)));
  }
}

/** As a lane does: what is busy comes again after a pause. Answers what the store said of each failure. */
export async function persist<T>(call: () => Promise<T>, deadlineMs = 8000): Promise<{ value: T; busy: StoreBusyError[] }> {
  const end = performance.now() + deadlineMs;
  const busy: StoreBusyError[] = [];
  for (;;) {
    try {
      return { value: await call(), busy };
    } catch (error) {
      if (!(error instanceof StoreBusyError) || performance.now() > end) throw error;
      busy.push(error);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
