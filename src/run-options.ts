/** What `startRun` was given, checked before anything is started. */
import type { StartRunOptions } from './api.js';
import { OptionError, quote } from './errors.js';
import { type Settings, shown } from './options.js';
import { keyProblem } from './params/key.js';
import { codePoints, cutToCodePoints, isLonger } from './params/length.js';
import { TAG_VALUE_CODE_POINTS } from './params/limits.js';
import { textProblem } from './params/text.js';
import { RUN_ID } from './store/run-id.js';

/** Throws OptionError for the first option that can't be. */
export function checkRunOptions(options: StartRunOptions): void {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null)
    throw new OptionError({ option: 'startRun', received: shown(given), expected: 'an object' });
  for (const name of ['experiment', 'name', 'parentRunId'] as const) checkText(name, options[name]);
  if (options.runId !== undefined) checkRunId('startRun.runId', options.runId);
}

export function checkRunId(option: string, id: unknown): void {
  if (typeof id === 'string' && RUN_ID.test(id)) return;
  throw new OptionError({ option, received: shown(id), expected: 'a run id: letters, digits, - and _' });
}

function checkText(name: string, value: unknown): void {
  if (value === undefined) return;
  const option = `startRun.${name}`;
  if (typeof value !== 'string' || value === '')
    throw new OptionError({ option, received: shown(value), expected: 'a text that is not empty' });
  const problem = textProblem(value);
  if (problem !== undefined)
    throw new OptionError({ option, received: shown(value), expected: `another text: this one ${problem}` });
}

/** The tags, as they are now. They are stored with the run and not by records, so what would refuse those refuses here. */
export function runTagsOf(tags: unknown, onLongValue: Settings['onLongValue']): [key: string, value: string][] {
  if (tags === undefined) return [];
  if (typeof tags !== 'object' || tags === null) {
    throw new OptionError({ option: 'startRun.tags', received: shown(tags), expected: 'an object of texts' });
  }
  return Object.entries(tags).map(([key, value]: [string, unknown]) => [key, tagValue(key, value, onLongValue)]);
}

function tagValue(key: string, value: unknown, onLongValue: Settings['onLongValue']): string {
  const option = `startRun.tags[${quote(key)}]`;
  const wrongKey = keyProblem(key);
  if (wrongKey !== undefined) throw new OptionError({ option, received: 'this key', expected: `another: it ${wrongKey}` });
  if (typeof value !== 'string') throw new OptionError({ option, received: shown(value), expected: 'a text' });
  const problem = textProblem(value);
  if (problem !== undefined)
    throw new OptionError({ option, received: shown(value), expected: `another text: this one ${problem}` });
  if (!isLonger(value, TAG_VALUE_CODE_POINTS)) return value;
  if (onLongValue === 'truncate') return cutToCodePoints(value, TAG_VALUE_CODE_POINTS);
  throw new OptionError({ option, received: `${codePoints(value)} code points`, expected: `at most ${TAG_VALUE_CODE_POINTS}` });
}
