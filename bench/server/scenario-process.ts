/** Entry of the process that runs one scenario. */
import { once } from 'node:events';
import { type Order, type Reply, tellParent } from './parent.js';
import { isScenario, SCENARIOS } from './scenarios.js';

async function reply({ scenario, input }: Order): Promise<Reply> {
  try {
    if (!isScenario(scenario)) throw new Error('no such scenario');
    const module = await SCENARIOS[scenario]();
    // process.ts was checked to send each scenario what it takes.
    return { result: await module.scenario(input as never, tellParent) };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

// Keeps the process alive while a scenario waits for what would not.
const alive = setInterval(() => {}, 60_000);
// The first message is the order; those after it say that a wish was granted.
const [order] = (await once(process, 'message')) as [Order]; // sent by process.ts and by nobody else
const answer = await reply(order);
clearInterval(alive);
// What a scenario left running must not keep the process.
process.send?.(answer, () => process.exit());
