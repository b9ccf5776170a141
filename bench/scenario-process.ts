/** Entry of the process that runs one scenario. */
import type { Order, Reply } from './fresh-process.js';
import type { Scenarios } from './question.js';
import { isQuestion, QUESTIONS } from './questions.js';

async function reply({ question, scenario, input }: Order): Promise<Reply> {
  try {
    if (!isQuestion(question)) throw new Error('no such question');
    const scenarios: Scenarios = (await QUESTIONS[question]()).question.scenarios;
    const run = scenarios[scenario];
    if (run === undefined) throw new Error('no such scenario');
    // `ask` was checked to send each scenario what it takes.
    return { result: await run(input as never) };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

// `on`, not `once`: the channel keeps the process alive while a scenario waits for what would not.
process.on('message', (order) => {
  // Sent by fresh-process.ts and by nobody else. What a scenario left running must not keep the process.
  void reply(order as Order).then((answer) => process.send?.(answer, () => process.exit()));
});
