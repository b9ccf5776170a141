/** A real model, trained for a moment by TensorFlow.js in plain JavaScript. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import * as fluent from '../../src/fluent.js';
import type { Run } from '../../src/index.js';
import { type FitModel, headraceCallback } from '../../src/tfjs.js';
import { Stored } from '../tracker/stored.js';

await tf.setBackend('cpu');

const SAMPLES = 20;
const xs = tf.randomNormal([SAMPLES, 4], 0, 1, 'float32', 7);
const ys = tf.randomNormal([SAMPLES, 1], 0, 1, 'float32', 8);

function tinyModel(): tf.Sequential {
  const model = tf.sequential();
  model.add(tf.layers.dense({ units: 3, inputShape: [4], activation: 'relu', name: 'first' }));
  model.add(tf.layers.dropout({ rate: 0.25 }));
  model.add(tf.layers.dense({ units: 1, kernelInitializer: tf.initializers.glorotUniform({ seed: 5 }) }));
  model.compile({ optimizer: tf.train.adam(0.01), loss: 'meanSquaredError', metrics: ['mae'] });
  return model;
}

/** Step and value of each row of a metric. */
function rowsOf(stored: Stored, run: Run, key: string): [step: number, value: number][] {
  return stored
    .metrics(run.id)
    .filter((metric) => metric.key === key)
    .map(({ step, value }) => [step, value]);
}

function numbered(values: readonly unknown[] | undefined, from = 0): [step: number, value: unknown][] {
  return (values ?? []).map((value, index) => [from + index, value]);
}

function startRun(): { stored: Stored; run: Run } {
  const stored = new Stored();
  return { stored, run: stored.tracker().startRun() };
}

describe('fit with the callback', () => {
  test('leaves the configuration, and the metrics of each batch and each epoch at their steps', async () => {
    const { stored, run } = startRun();
    const model = tinyModel();
    const { history } = await model.fit(xs, ys, {
      epochs: 3,
      batchSize: 8,
      validationSplit: 0.2,
      verbose: 0,
      callbacks: headraceCallback(run, { model }),
    });
    await run.end();
    const params = stored.params(run.id);
    expect(params).toMatchObject({
      'tfjs.model.class': 'Sequential',
      'tfjs.model.parameters': '19',
      'tfjs.model.layerCount': '3',
      'tfjs.model.layerClasses': '["Dense","Dropout","Dense"]',
      'tfjs.model.layers.0.class': 'Dense',
      'tfjs.model.layers.0.units': '3',
      'tfjs.model.layers.0.activation': 'relu',
      'tfjs.model.layers.0.batchInputShape': '[null,4]',
      'tfjs.model.layers.0.biasInitializer': 'Zeros',
      'tfjs.model.layers.1.rate': '0.25',
      'tfjs.optimizer.class': 'Adam',
      'tfjs.optimizer.learningRate': '0.01',
      'tfjs.optimizer.beta1': '0.9',
      'tfjs.compile.loss': 'meanSquaredError',
      'tfjs.compile.metrics': '["mae"]',
      'tfjs.fit.epochs': '3',
      'tfjs.fit.batchSize': '8',
      'tfjs.fit.samples': '16',
      'tfjs.fit.validation': 'true',
    });
    expect(JSON.parse(params['tfjs.model.layers.2.kernelInitializer'] ?? '')).toMatchObject({
      class: 'VarianceScaling',
      seed: 5,
    });
    // What says nothing is no param.
    expect(Object.keys(params).filter((key) => /\.(?:name|dtype|kernelRegularizer|trainable|initialEpoch)$/.test(key))).toEqual(
      [],
    );
    expect(rowsOf(stored, run, 'loss')).toEqual(numbered(history['loss']));
    expect(rowsOf(stored, run, 'val_loss')).toEqual(numbered(history['val_loss']));
    expect(rowsOf(stored, run, 'mae')).toEqual(numbered(history['mae']));
    const batches = rowsOf(stored, run, 'batch.loss');
    expect(batches.map(([step]) => step)).toEqual([0, 1, 2, 3, 4, 5]);
    // Batches of one size: their mean is the epoch's.
    const means = [0, 1, 2].map((epoch) => ((batches[2 * epoch]?.[1] ?? 0) + (batches[2 * epoch + 1]?.[1] ?? 0)) / 2);
    for (const [epoch, mean] of means.entries()) expect(mean).toBeCloseTo(Number(history['loss']?.[epoch]), 4);
    const keys = new Set(stored.metrics(run.id).map(({ key }) => key));
    expect(keys).toEqual(new Set(['batch.loss', 'batch.mae', 'loss', 'mae', 'val_loss', 'val_mae']));
  });

  test('behind one of TensorFlow.js’s own, whose logs are tensors, leaves the same, and no tensor behind', async () => {
    const { stored, run } = startRun();
    const model = tinyModel();
    const train = (callbacks: tf.CustomCallbackArgs[]): Promise<tf.History> =>
      model.fit(xs, ys, { epochs: 2, batchSize: 5, validationSplit: 0.5, verbose: 0, callbacks });
    await train([tf.callbacks.earlyStopping({ monitor: 'loss', patience: 9 })]);
    const before = tf.memory().numTensors;
    const { history } = await train([tf.callbacks.earlyStopping({ monitor: 'loss', patience: 9 }), headraceCallback(run)]);
    expect(tf.memory().numTensors).toBe(before);
    await run.end();
    expect(rowsOf(stored, run, 'loss')).toEqual(numbered(history['loss']));
    expect(rowsOf(stored, run, 'val_mae')).toEqual(numbered(history['val_mae']));
    expect(rowsOf(stored, run, 'batch.loss').map(([step]) => step)).toEqual([0, 1, 2, 3]);
    // Here TensorFlow.js says itself what is trained, and how.
    expect(stored.params(run.id)).toMatchObject({
      'tfjs.model.parameters': '19',
      'tfjs.optimizer.class': 'Adam',
      'tfjs.fit.epochs': '2',
      'tfjs.fit.batchSize': '5',
    });
  });

  test('and fitDataset logs likewise, without what only fit knows', async () => {
    const { stored, run } = startRun();
    const model = tinyModel();
    const dataset = tf.data.zip({
      xs: tf.data.array((await xs.array()) as number[][]),
      ys: tf.data.array((await ys.array()) as number[][]),
    });
    const { history } = await model.fitDataset(dataset.batch(10), {
      epochs: 2,
      verbose: 0,
      callbacks: headraceCallback(run, { model }),
    });
    await run.end();
    expect(rowsOf(stored, run, 'loss')).toEqual(numbered(history['loss']));
    expect(rowsOf(stored, run, 'batch.loss').map(([step]) => step)).toEqual([0, 1, 2, 3]);
    const params = stored.params(run.id);
    expect(params).toMatchObject({ 'tfjs.fit.epochs': '2', 'tfjs.fit.validation': 'false' });
    expect(Object.keys(params)).not.toContain('tfjs.fit.batchSize');
  });

  test.each(['alone', 'behind another'])('and without batches, %s, logs the epochs only', async (place) => {
    const { stored, run } = startRun();
    const model = tinyModel();
    const own = headraceCallback(run, { model, batches: false });
    await model.fit(xs, ys, {
      epochs: 2,
      verbose: 0,
      callbacks: place === 'alone' ? own : [tf.callbacks.earlyStopping({ monitor: 'loss' }), own],
    });
    await run.end();
    expect(new Set(stored.metrics(run.id).map(({ key }) => key))).toEqual(new Set(['loss', 'mae']));
  });

  test('and called again goes on counting batches, and its params are no conflict', async () => {
    const { stored, run } = startRun();
    const model = tinyModel();
    const callbacks = headraceCallback(run, { model });
    await model.fit(xs, ys, { epochs: 1, batchSize: 10, verbose: 0, callbacks });
    await model.fit(xs, ys, { epochs: 3, initialEpoch: 1, batchSize: 10, verbose: 0, callbacks });
    await run.end();
    expect(rowsOf(stored, run, 'loss').map(([step]) => step)).toEqual([0, 1, 2]);
    expect(rowsOf(stored, run, 'batch.loss').map(([step]) => step)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(stored.params(run.id)['tfjs.fit.epochs']).toBe('1');
  });

  test('and a new one on a training that goes on counts from where that stopped', async () => {
    const { stored, run } = startRun();
    const model = tinyModel();
    const callbacks = headraceCallback(run, { prefix: 'fine tuning' });
    await model.fit(xs, ys, { epochs: 3, initialEpoch: 2, batchSize: 8, verbose: 0, callbacks });
    await run.end();
    expect(rowsOf(stored, run, 'fine tuning.loss').map(([step]) => step)).toEqual([2]);
    expect(rowsOf(stored, run, 'fine tuning.batch.loss').map(([step]) => step)).toEqual([6, 7, 8]);
    expect(stored.params(run.id)).toMatchObject({ 'fine tuning.tfjs.fit.initialEpoch': '2' });
  });

  test('takes headrace/fluent for its run', async () => {
    const stored = new Stored();
    fluent.setTrackingUri(stored.uri);
    const run = await fluent.withRun({}, async (own) => {
      const model = tinyModel();
      await model.fit(xs, ys, { epochs: 1, verbose: 0, callbacks: headraceCallback(fluent, { model }) });
      return own;
    });
    expect(rowsOf(stored, run, 'loss')).toHaveLength(1);
    expect(stored.params(run.id)).toMatchObject({ 'tfjs.fit.epochs': '1' });
  });
});

describe('names and configurations of any kind', () => {
  test('are made keys and values that MLflow takes: nothing of the training is refused', async () => {
    const { stored, run } = startRun();
    const input = tf.input({ shape: [4] });
    const outputs = ['out//1', 'out2/'].map((name) => tf.layers.dense({ units: 1, name }).apply(input) as tf.SymbolicTensor);
    const model = tf.model({ inputs: input, outputs });
    const halfSquare = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => a.sub(b).square().mul(0.5).mean();
    const off$by = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => a.sub(b).mean();
    model.compile({ optimizer: 'sgd', loss: [halfSquare, halfSquare], metrics: { 'out2/': off$by } });
    await model.fit(xs, [ys, ys], { epochs: 1, verbose: 0, callbacks: headraceCallback(run, { model }) });
    const report = await run.end();
    expect(report.failed).toBe(0);
    expect(rowsOf(stored, run, 'out__1_loss')).toHaveLength(1);
    expect(rowsOf(stored, run, 'out2__off_by')).toHaveLength(1);
    expect(stored.params(run.id)).toMatchObject({
      'tfjs.compile.metrics': '{"out2/":"off$by"}',
      'tfjs.compile.loss': '["halfSquare","halfSquare"]',
      'tfjs.optimizer.class': 'SGD',
    });
  });

  test('of a deep model stay a few: the classes of its layers', async () => {
    const { stored, run } = startRun();
    const model = modelOf(700);
    headraceCallback(run, { model }).onTrainBegin();
    await run.end();
    const params = stored.params(run.id);
    expect(Object.keys(params).length).toBeLessThan(20);
    expect(params['tfjs.model.layerCount']).toBe('700');
    expect(params['tfjs.model.layerClasses']).toHaveLength(6000);
  });

  test('that can’t be told, or are no configuration, cost the training nothing', async () => {
    const { stored, run } = startRun();
    const layers = [
      {
        getClassName: () => 'Mute',
        getConfig: () => {
          throw new Error('not serializable');
        },
      },
      {
        getClassName: () => 'Odd',
        getConfig: () => {
          const itself: Record<string, unknown> = {};
          itself['itself'] = itself;
          return { itself, act: () => 1, big: [1n], nothing: undefined, none: null, a$b: 1, rate: Number.NaN };
        },
      },
    ];
    headraceCallback(run, { model: { ...modelOf(0), layers } }).onTrainBegin();
    expect((await run.end()).failed).toBe(0);
    expect(stored.params(run.id)).toMatchObject({
      'tfjs.model.layers.0.class': 'Mute',
      'tfjs.model.layers.1.class': 'Odd',
      'tfjs.model.layers.1.a_b': '1',
      'tfjs.model.layers.1.rate': 'NaN',
    });
    expect(Object.keys(stored.params(run.id)).filter((key) => key.startsWith('tfjs.model.layers.1'))).toHaveLength(3);
  });
});

function modelOf(count: number): FitModel {
  const layer = { getClassName: () => 'Activation', getConfig: () => ({ activation: 'relu' }) };
  return {
    name: 'deep',
    layers: Array.from({ length: count }, () => layer),
    getClassName: () => 'Model',
    countParams: () => 0,
  };
}

describe('a value that is still on its device', () => {
  class Slow {
    disposed = false;
    readonly ms: number;
    readonly value: number;
    readonly copies: Slow[] = [];

    constructor(ms: number, value: number) {
      this.ms = ms;
      this.value = value;
    }

    clone(): Slow {
      const copy = new Slow(this.ms, this.value);
      this.copies.push(copy);
      return copy;
    }

    async data(): Promise<Float32Array> {
      await sleep(this.ms);
      if (this.disposed) throw new Error('Tensor is disposed.');
      return new Float32Array([this.value]);
    }

    dispose(): void {
      this.disposed = true;
    }
  }

  test('is not waited for by the batch, outlives it, has its step, and is there when the training is over', async () => {
    const { stored, run } = startRun();
    const callback = headraceCallback(run);
    const values = [new Slow(30, 0.5), new Slow(1, 0.25)];
    for (const [batch, loss] of values.entries()) {
      expect(callback.onBatchEnd?.(batch, { batch, size: 8, loss })).toBeUndefined();
      // As TensorFlow.js does as soon as its callbacks have returned.
      loss.dispose();
    }
    await callback.onTrainEnd();
    await run.end();
    expect(rowsOf(stored, run, 'batch.loss')).toEqual([
      [0, 0.5],
      [1, 0.25],
    ]);
    expect(values.flatMap(({ copies }) => copies).map(({ disposed }) => disposed)).toEqual([true, true]);
  });

  test('that it can’t tell fails the training when that ends, and is no rejection that nobody handles', async () => {
    const { run } = startRun();
    const callback = headraceCallback(run);
    const lost = { clone: () => lost, data: () => Promise.reject(new Error('device lost')), dispose: () => undefined };
    callback.onBatchEnd?.(0, { loss: lost });
    await sleep(5);
    await expect(callback.onTrainEnd()).rejects.toThrow('device lost');
  });
});
