// @ts-check
import * as tf from '@tensorflow/tfjs';
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import { CLASSES, PIXELS } from './data.js';
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
          activation: layer === all.length - 1 ? 'linear' : activation(model.activation),
          kernelInitializer: tf.initializers.glorotUniform({ seed: model.seed + layer }),
        }),
      );
    });
  }

  get parameters() {
    return this.network.countParams();
  }

  /**
   * One step down the gradient. The loss is the one before the step.
   * @param {Digits} batch
   */
  train(batch) {
    return tf.tidy(() => {
      const { images, labels } = tensors(batch);
      const loss = this.optimizer.minimize(() => this.loss(images, labels), true);
      return loss?.dataSync()[0] ?? Number.NaN;
    });
  }

  /** @param {Digits} digits */
  evaluate(digits) {
    return tf.tidy(() => {
      const { images, labels } = tensors(digits);
      const guesses = /** @type {tf.Tensor} */ (this.network.predict(images)).argMax(1).dataSync();
      const right = digits.labels.reduce((count, label, index) => count + (guesses[index] === label ? 1 : 0), 0);
      return { accuracy: right / digits.count, loss: this.loss(images, labels).dataSync()[0] ?? Number.NaN };
    });
  }

  dispose() {
    this.network.dispose();
    this.optimizer.dispose();
  }

  /**
   * @param {tf.Tensor} images
   * @param {tf.Tensor} labels
   * @returns {tf.Scalar}
   */
  loss(images, labels) {
    const logits = /** @type {tf.Tensor} */ (this.network.predict(images));
    return tf.losses.softmaxCrossEntropy(labels, logits);
  }
}

/** @param {Digits} digits */
function tensors({ images, labels, count }) {
  return { images: tf.tensor2d(images, [count, PIXELS]), labels: tf.oneHot(tf.tensor1d(labels, 'int32'), CLASSES) };
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
