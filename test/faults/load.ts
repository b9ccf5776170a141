/** A program under load that lives on: it is told when to stop, and then all that it logged must be there. */
import { join } from 'node:path';
import { expect } from 'vitest';
import type { TrackerOptions } from '../../src/index.js';
import { Child, type ChildOptions } from '../exit/child.js';
import { isLong } from '../mlflow/fault-work.js';
import type { Rows } from '../store/database-rows.js';
import { newFolder } from '../store/place.js';
import { until } from '../tracker/waiting.js';
import { Account, count, everything, judge, type Verdict } from './account.js';
import type { LoadPlan } from './children/load.js';

/** In the long form a program logs for a minute what one server takes minutes to take. */
const WAIT_MS = isLong ? 900_000 : 60_000;
const DEADLINE_MS = isLong ? 1_800_000 : 600_000;

export interface LoadOptions extends Omit<LoadPlan, 'options'> {
  readonly options: TrackerOptions;
  readonly child?: ChildOptions;
}

export class Load {
  readonly child: Child;
  readonly #account: Account = new Account();

  constructor({ options, child = {}, ...plan }: LoadOptions) {
    const journal = { dir: join(newFolder(), 'journals'), ...options.journal };
    const whole: LoadPlan = { ...plan, waitMs: WAIT_MS, options: { ...options, journal } };
    this.child = new Child('load.ts', [JSON.stringify(whole)], { deadlineMs: DEADLINE_MS, ...child });
  }

  get account(): Account {
    return this.#account.read(this.child.words);
  }

  /** Resolves when something that was begun after the call has come so far. */
  async reaches(state: 'durable' | 'landed', deadlineMs: number = 60_000): Promise<void> {
    const { begun } = this.account;
    await until(`${state} of a record after ${begun}`, () => this.account.has(state, begun), deadlineMs);
  }

  /** Stops it, and judges what is there of everything that it logged. */
  async judged(rows: Rows): Promise<{ readonly account: Account; readonly verdict: Verdict }> {
    this.child.say('stop');
    const { code, signal, stderr } = await this.child.ended;
    const { account } = this;
    // That the store is away may be told, that something is lost may not.
    const lastWords = stderr.split('\n').filter((line) => line.startsWith('headrace:'));
    expect([code, signal, account.refused.slice(0, 3), lastWords], stderr).toEqual([0, null, [], []]);
    expect(account.end).toMatchObject({ accepted: account.begun, landed: account.begun, pending: 0, failed: 0 });
    expect(count(account.landed)).toBe(account.begun);
    return { account, verdict: judge(rows, account, everything(account), ['FINISHED']) };
  }
}
