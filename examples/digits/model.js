// @ts-check
import * as tf from '@tensorflow/tfjs';
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import { CLASSES, PIXELS, pick } from './data.js';
import { shuffledIndexes } from './random.js';
import { SettingsError } from './settings.js';

/** @typedef {import('./data.js').Digits} Digits */
/** @typedef {import('./settings.js').Settings} Settings */

/** WebAssembly: seven times the speed of TensorFlow.js in plain JavaScript, and nothing to compile. */
export async function startTensorFlow() {
  // Its threads would keep the process alive after the last run.
  setThreadsCount(1);
  await tf.setBackend('wasm');
  return `${tf.getBackend()}, TensorFlow.js ${tf.version.tfjs}`;
}

/** A network of dense layers and the optimizer that trains it. */
export class Classifier {
  /** @param {Pick<Settings, 'model' | 'optimizer'>} settings */
  constructor({ model, optimizer }) {
    this.optimizer = makeOptimizer(optimizer);
    this.network = tf.sequential();
    [...model.hidden, CLASSES].forEach((units, layer, all) => {
      this.network.add(
        tf.layers.dense({
          units,
          ...(layer === 0 ? { inputDim: PIXELS } : {}),
          activation: layer === all.length - 1 ? 'softmax' : activation(model.activation),
          kernelInitializer: tf.initializers.glorotUniform({ seed: model.seed + layer }),
        }),
      );
    });
    this.network.compile({ optimizer: this.optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
  }

  /**
   * Answers the share of the held-out digits that it gets right after the last epoch.
   * @param {{ train: Digits, heldOut: Digits }} digits
   * @param {Settings['training']} settings
   * @param {tf.CustomCallbackArgs[]} callbacks
   */
  async train({ train, heldOut }, { epochs, batch, seed }, callbacks) {
    const { xs, ys } = tensors(heldOut);
    let epoch = 0;
    // Not `fit`: that shuffles by Math.random, and a run is to be repeatable.
    const batches = tf.data.generator(function* () {
      epoch += 1;
      const order = shuffledIndexes(train.count, seed + epoch);
      for (let at = 0; at < train.count; at += batch) yield tensors(pick(train, order.slice(at, at + batch)));
    });
    try {
      const { history } = await this.network.fitDataset(batches, {
        epochs,
        validationData: [xs, ys],
        validationBatchSize: heldOut.count,
        verbose: 0,
        callbacks,
      });
      return Number(history['val_acc']?.at(-1));
    } finally {
      tf.dispose([xs, ys]);
    }
  }

  dispose() {
    this.network.dispose();
    this.optimizer.dispose();
  }
}

/** @param {Digits} digits */
function tensors({ images, labels, count }) {
  return tf.tidy(() => ({
    xs: tf.tensor2d(images, [count, PIXELS]),
    ys: tf.oneHot(tf.tensor1d(labels, 'int32'), CLASSES),
  }));
}

/** @param {Settings['optimizer']} settings */
function makeOptimizer({ name, lr, momentum }) {
  if (!(lr > 0)) throw new SettingsError(`optimizer.lr: expected a number above 0, got ${lr}`);
  switch (name) {
    case 'adam':
      return tf.train.adam(lr);
    case 'momentum':
      return tf.train.momentum(lr, momentum);
    case 'rmsprop':
      return tf.train.rmsprop(lr);
    case 'sgd':
      return tf.train.sgd(lr);
    default:
      throw new SettingsError(`optimizer.name: expected adam, momentum, rmsprop or sgd, got ${name}`);
  }
}

/** @param {string} name */
function activation(name) {
  if (name === 'relu' || name === 'tanh') return name;
  throw new SettingsError(`model.activation: expected relu or tanh, got ${name}`);
}
