import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import { createTracker } from '../src/index.js';
import { expectRows, URI } from './database.js';
import { type Answer, ask, atMost, type Question } from './question.js';
import { confidence, median, trimmedMean } from './statistics.js';

interface Blocks {
  readonly pairs: number;
  readonly steps: number;
}

interface Trained {
  /** Milliseconds of each block of steps, its first ones left out; the two of a pair stand at the same index. */
  readonly withLogging: readonly number[];
  readonly without: readonly number[];
  readonly accuracy: number;
}

const PIXELS = 28 * 28;
const CLASSES = 10;
const BATCH = 64;
const HIDDEN = 128;
const WARM_STEPS = 100;
const METRICS_A_STEP = 2;
/** At the beginning of a block the worker still lands what the block before logged, or wakes: these steps belong to neither. */
const SKIPPED_STEPS = 2;

const scenarios = {
  /** One network learns on; every other block of its steps is logged, so that both kinds see the same machine. */
  async train({ pairs, steps }: Blocks): Promise<Trained> {
    // Its threads would share the cores with headrace's worker, and one is what a small network is quickest with.
    setThreadsCount(1);
    await tf.setBackend('wasm');
    const batches = digitBatches();
    const network = tf.sequential({
      layers: [tf.layers.dense({ units: HIDDEN, inputDim: PIXELS, activation: 'relu' }), tf.layers.dense({ units: CLASSES })],
    });
    const optimizer = tf.train.adam(0.001);
    const tracker = createTracker({ uri: URI });
    const run = tracker.startRun();
    let step = 0;
    const trainStep = (): number =>
      tf.tidy(() => {
        const { images, labels } = batches[step++ % batches.length] as Batch; // below its length
        // A network of one output; `minimize` returns the loss when asked to.
        const loss = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(labels, network.predict(images) as tf.Tensor), true);
        return loss?.dataSync()[0] ?? Number.NaN;
      });
    const block = async (logged: boolean): Promise<number> => {
      let start = performance.now();
      for (let i = 0; i < SKIPPED_STEPS + steps; i++) {
        if (i === SKIPPED_STEPS) start = performance.now();
        const stepStart = performance.now();
        const loss = trainStep();
        const perSecond = (1000 * BATCH) / (performance.now() - stepStart);
        if (!logged) continue;
        run.logMetric('train.loss', loss, step);
        run.logMetric('train.images_per_second', perSecond, step);
      }
      const elapsed = performance.now() - start;
      // A turn of the event loop, as a program has between its epochs.
      await nextTurn();
      return elapsed;
    };
    for (let i = 0; i < WARM_STEPS; i++) trainStep();
    await block(true);
    const withLogging: number[] = [];
    const without: number[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      // Which comes first changes, or what drifts would fall to one of them.
      const first = await block(pair % 2 === 0);
      const second = await block(pair % 2 === 1);
      withLogging.push(pair % 2 === 0 ? first : second);
      without.push(pair % 2 === 0 ? second : first);
    }
    await run.flush();
    expectRows('metrics', (pairs + 1) * (SKIPPED_STEPS + steps) * METRICS_A_STEP);
    const accuracy = tf.tidy(() => {
      const right = batches.map(({ images, labels }) => {
        const guesses = (network.predict(images) as tf.Tensor).argMax(1); // as above
        return guesses.equal(labels.argMax(1)).mean().dataSync()[0] ?? 0;
      });
      return right.reduce((sum, each) => sum + each, 0) / right.length;
    });
    await tracker.close();
    return { withLogging, without, accuracy };
  },
};

export const question: Question = ask({
  title: `training a network on handwritten digits (TensorFlow.js), ${METRICS_A_STEP} metrics logged at every step or none`,
  scenarios,
  async ask(measure, scale): Promise<Answer> {
    const rounds = scale.of(3, 1);
    const blocks: Blocks = { pairs: scale.of(100, 20), steps: 8 };
    const found: Trained[] = [];
    for (let round = 0; round < rounds; round++) found.push(await measure('train', blocks));
    const slower = found.flatMap(({ withLogging, without }) =>
      withLogging.map((ms, pair) => 100 * (ms / (without[pair] as number) - 1)),
    ); // pairs
    const estimate = trimmedMean(slower);
    const interval = confidence(slower);
    const stepMs = found.flatMap(({ without }) => without.map((ms) => ms / blocks.steps));
    const accuracy = median(found.map((each) => each.accuracy));
    return {
      sizes: {
        rounds,
        'pairs a round': blocks.pairs,
        'steps a block': blocks.steps,
        'left out before each': SKIPPED_STEPS,
        batch: BATCH,
        'hidden units': HIDDEN,
      },
      rows: [
        {
          what: 'a step without logging',
          unit: 'ms',
          clock: 'whole',
          median: median(stepMs),
          range: [Math.min(...stepMs), Math.max(...stepMs)],
          rounds: stepMs.length,
          note: `the network got ${(100 * accuracy).toFixed(1)} % of the images right in the end`,
        },
        {
          what: 'slower with logging at every step',
          unit: '%',
          clock: 'whole',
          median: estimate,
          range: interval,
          rounds: slower.length,
          target: atMost(estimate, 0.5, '≤ 0.5'),
          note: `mean of the pairs without the highest and lowest fifth; its range is the 95 % confidence interval${interval[1] > 0.5 && estimate <= 0.5 ? ', which is too wide here to exclude the limit' : ''}`,
        },
      ],
    };
  },
});

interface Batch {
  readonly images: tf.Tensor2D;
  readonly labels: tf.Tensor2D;
}

/** The 10,000 images of the `mnist` package, digits mixed. */
function digitBatches(): Batch[] {
  // The package has no types: for each digit an array of all its pixels, 784 grey values an image.
  const digits = createRequire(import.meta.url)('mnist') as Readonly<Record<number, { readonly raw: readonly number[] }>>;
  const raws = Array.from({ length: CLASSES }, (_, digit) => digits[digit]?.raw ?? []);
  const counts = raws.map((raw) => raw.length / PIXELS);
  const order = counts.flatMap((count, digit) =>
    Array.from({ length: count }, (_, image) => ({ digit, image, place: (image + 0.5) / count })),
  );
  // Every batch gets a share of each digit, without a random order that would differ from run to run.
  order.sort((a, b) => a.place - b.place);
  const batches: Batch[] = [];
  for (let at = 0; at + BATCH <= order.length; at += BATCH) {
    const chosen = order.slice(at, at + BATCH);
    const images = Float32Array.from(
      chosen.flatMap(({ digit, image }) => raws[digit]?.slice(image * PIXELS, (image + 1) * PIXELS) ?? []),
    );
    const labels = chosen.flatMap(({ digit }) => Array.from({ length: CLASSES }, (_, label) => (label === digit ? 1 : 0)));
    batches.push({ images: tf.tensor2d(images, [BATCH, PIXELS]), labels: tf.tensor2d(labels, [BATCH, CLASSES]) });
  }
  return batches;
}
