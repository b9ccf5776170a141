/** Each runs in a process of its own, which loads nothing of the others. */
export const SCENARIOS = {
  headraceRows: () => import('./headrace-rows.js'),
  postedRows: () => import('./posted-rows.js'),
  singleParam: () => import('./single-param.js'),
  callCost: () => import('./call-cost.js'),
  outageCost: () => import('./outage-cost.js'),
  rowsByHand: () => import('../postgres/rows-by-hand.js'),
  singleInsert: () => import('../postgres/single-insert.js'),
  callerCost: () => import('../durability/caller-cost.js'),
  journalWrites: () => import('../durability/journal-writes.js'),
  outageRecords: () => import('../durability/outage-records.js'),
  replayedRows: () => import('../durability/replayed-rows.js'),
} as const;

export type ScenarioName = keyof typeof SCENARIOS;

type Scenario<N extends ScenarioName> = Awaited<ReturnType<(typeof SCENARIOS)[N]>>['scenario'];
export type Input<N extends ScenarioName> = Parameters<Scenario<N>>[0];
export type Result<N extends ScenarioName> = Awaited<ReturnType<Scenario<N>>>;

export function isScenario(name: string): name is ScenarioName {
  return Object.hasOwn(SCENARIOS, name);
}
