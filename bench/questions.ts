/** One file per question. Loaded by name: the process that times an import must have loaded as little as possible. */
export const QUESTIONS = {
  caller: () => import('./caller.js'),
  threads: () => import('./threads.js'),
  'end-to-end': () => import('./end-to-end.js'),
  paced: () => import('./paced.js'),
  growth: () => import('./growth.js'),
  flood: () => import('./flood.js'),
  training: () => import('./training.js'),
  startup: () => import('./startup.js'),
} as const;

export type QuestionName = keyof typeof QUESTIONS;

export function isQuestion(name: string): name is QuestionName {
  return Object.hasOwn(QUESTIONS, name);
}
