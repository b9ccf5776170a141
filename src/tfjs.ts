/** A callback for TensorFlow.js that logs how a model is trained. It needs no flavour of TensorFlow.js itself. */
import type { Run } from './api.js';
import { fitParams, modelParams } from './tfjs/configuration.js';
import { FitLog } from './tfjs/fit-log.js';
import { keyOf } from './tfjs/key.js';
import type { FitLogs, FitModel, FitParams } from './tfjs/structure.js';

export type { FitLayer, FitLogs, FitModel, FitOptimizer, FitParams } from './tfjs/structure.js';

export interface HeadraceCallbackOptions {
  /**
   * The compiled model that is trained: its configuration, its optimizer's, its loss and its metrics are logged.
   * TensorFlow.js tells it only to callbacks in a list behind one of its own (`tf.callbacks.earlyStopping()`), so give
   * it; without it these params are missing.
   */
  model?: FitModel;
  /** In front of every key, with a dot: for several trainings in one run. */
  prefix?: string;
  /** The metrics of each batch. Default true; false: of epochs only. */
  batches?: boolean;
}

/**
 * What `fit` and `fitDataset` take as one of their `callbacks`: alone, in a list of objects such as this one, or in a list
 * whose first is a `tf.Callback`.
 */
export interface FitCallback {
  setParams(params: FitParams): void;
  setModel(model: FitModel): void;
  onTrainBegin(this: unknown, logs?: FitLogs): void;
  onEpochBegin(epoch: number, logs?: FitLogs): void;
  onBatchBegin(batch: number, logs?: FitLogs): void;
  /** Missing with `batches: false`: TensorFlow.js then need not wait for each batch's values. */
  onBatchEnd?: (batch: number, logs?: FitLogs) => void;
  onEpochEnd(epoch: number, logs?: FitLogs): void;
  onTrainEnd(logs?: FitLogs): Promise<void>;
}

/**
 * Logs a training to `run` (a Run, or the module headrace/fluent itself). Params, when it begins: `tfjs.model.*`,
 * `tfjs.optimizer.*`, `tfjs.compile.*`, `tfjs.fit.*`. Metrics: each batch's as `batch.loss`, with the number of batches
 * before it as step; each epoch's as `loss`, `val_loss`, with the epoch, from 0, as step. What the run refuses is told by
 * its `flush` or `end`; `fit` itself fails only when a device can't tell a value.
 */
export function headraceCallback(
  run: Pick<Run, 'logParam' | 'logMetric'>,
  { model, prefix = '', batches = true }: HeadraceCallbackOptions = {},
): FitCallback {
  const batchLog = new FitLog(run, keyOf(prefix, 'batch'));
  const epochLog = new FitLog(run, prefix);
  let trained = model;
  let told: FitParams = {};
  let hasBegun = false;
  let step = 0;

  const callback: FitCallback = {
    // TensorFlow.js calls these two, and then every method there is, of an object in a list behind a callback of its own.
    // Otherwise it makes such a callback out of the functions that it finds.
    setParams(params) {
      told = params;
      callback.onBatchEnd ??= () => undefined;
    },
    setModel(ofFit) {
      trained ??= ofFit;
    },
    onTrainBegin() {
      // Params are immutable, and a second `fit` may have other ones.
      if (hasBegun) return;
      hasBegun = true;
      const params = { ...paramsOf(this), ...told };
      step = batchesBefore(params);
      // Below a name of their own: the program logs settings of its own, and may call them optimizer.momentum, too.
      const group = keyOf(prefix, 'tfjs');
      const modelled = trained === undefined ? [] : modelParams(group, trained);
      for (const [key, value] of [...modelled, ...fitParams(group, params)]) run.logParam(key, value);
    },
    onEpochBegin: () => undefined,
    onBatchBegin: () => undefined,
    onEpochEnd(epoch, logs = {}) {
      epochLog.log(logs, epoch);
    },
    async onTrainEnd() {
      await Promise.all([batchLog.settled(), epochLog.settled()]);
    },
  };
  if (batches) {
    callback.onBatchEnd = (_batch, logs = {}) => {
      batchLog.log(logs, step);
      step += 1;
    };
  }
  return callback;
}

/** A callback made out of functions calls them as its methods, and has been told the params. */
function paramsOf(caller: unknown): FitParams {
  const params: unknown = typeof caller === 'object' && caller !== null && 'params' in caller ? caller.params : undefined;
  return typeof params === 'object' && params !== null ? { ...params } : {};
}

/** Of a training that goes on where another stopped. */
function batchesBefore({ initialEpoch, steps, samples, batchSize }: FitParams): number {
  const before = Number(initialEpoch) * Number(steps ?? Math.ceil(Number(samples) / Number(batchSize)));
  return Number.isSafeInteger(before) ? before : 0;
}
