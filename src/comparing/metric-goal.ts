/** Whether more of a metric is better. */
import type { Goal } from './comparison.js';
import { matches } from './key-patterns.js';

/** Words of a name that say that less is better; any other metric is better the higher it is. */
const LESS_IS_BETTER: ReadonlySet<string> = new Set(
  (
    'loss losses error errors err rmse mse mae mape smape msle rmsle nll crossentropy entropy perplexity ppl bpc bpb wer cer fid kl ' +
    'divergence deviance brier ece regret distance cost time duration latency'
  ).split(' '),
);

/** `goals`: globs on keys; the first that matches decides. */
export function goalOf(key: string, goals: Readonly<Record<string, Goal>>): Goal {
  const chosen = Object.entries(goals).find(([pattern]) => matches(key, pattern));
  if (chosen !== undefined) return chosen[1];
  return wordsOf(key).some((word) => LESS_IS_BETTER.has(word)) ? 'min' : 'max';
}

/** `val/crossEntropyLoss` has the words val, cross, entropy and loss. */
function wordsOf(key: string): string[] {
  return key
    .replace(/(?<=\p{Ll})(?=\p{Lu})/gu, ' ')
    .toLowerCase()
    .split(/[^\p{L}]+/u);
}
