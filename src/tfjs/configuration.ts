/** The configuration of a model and its training, as params within MLflow's limits. */
import { cutToCodePoints, isLonger } from '../params/length.js';
import { PARAM_VALUE_CODE_POINTS } from '../params/limits.js';
import { keyOf } from './key.js';
import type { FitLayer, FitModel, FitOptimizer, FitParams } from './structure.js';

export type Param = readonly [key: string, value: string | number | boolean | object];

/** Of a deeper model the classes of its layers are logged, not the configuration of each: thousands of params help nobody. */
const MAX_LAYERS = 100;

/** By TensorFlow.js's names, without what it numbers through (names) and what says nothing (null, the usual dtype). */
const UNTOLD: ReadonlySet<string> = new Set(['name', 'dtype']);

/** `epochs`, `batchSize`… of one `fit` or `fitDataset`, as far as that knows them. */
export function fitParams(prefix: string, params: FitParams): Param[] {
  const { epochs, initialEpoch, batchSize, steps, samples, doValidation } = params;
  const told = {
    epochs,
    initialEpoch: initialEpoch || null,
    batchSize,
    batchesPerEpoch: steps,
    samples,
    validation: doValidation,
  };
  return leaves(keyOf(prefix, 'fit'), told);
}

export function modelParams(prefix: string, model: FitModel): Param[] {
  const { layers } = model;
  const summary = {
    class: model.getClassName(),
    parameters: model.countParams(),
    layerCount: layers.length,
    layerClasses: layers.map((layer) => layer.getClassName()),
  };
  const described = layers.length <= MAX_LAYERS ? layers : [];
  return [
    ...leaves(keyOf(prefix, 'model'), summary),
    ...described.flatMap((layer, index) => layerParams(keyOf(prefix, 'model', 'layers', String(index)), layer)),
    ...(model.optimizer ? optimizerParams(keyOf(prefix, 'optimizer'), model.optimizer) : []),
    ...leaves(keyOf(prefix, 'compile'), { loss: namesOf(model.loss), metrics: namesOf(model.metrics) }),
  ];
}

function layerParams(prefix: string, layer: FitLayer): Param[] {
  return [...leaves(prefix, { class: layer.getClassName() }), ...leaves(prefix, configOf(layer))];
}

function optimizerParams(prefix: string, optimizer: FitOptimizer): Param[] {
  return [...leaves(prefix, { class: optimizer.getClassName() }), ...leaves(prefix, configOf(optimizer))];
}

/** A class of the user's own may not be able to tell: then its name has to do. */
function configOf(owner: FitLayer | FitOptimizer): object {
  try {
    return owner.getConfig() ?? {};
  } catch {
    return {};
  }
}

/** One param each; what is no plain value becomes JSON, since it is one setting, as `kernelInitializer`. */
function leaves(prefix: string, config: object): Param[] {
  return Object.entries(config).flatMap(([name, value]: [string, unknown]) => {
    const isUsual = UNTOLD.has(name) || (name === 'trainable' && value === true);
    const leaf = isUsual ? undefined : leafOf(value);
    return leaf === undefined ? [] : [[keyOf(prefix, name), leaf]];
  });
}

function leafOf(value: unknown): Param[1] | undefined {
  switch (typeof value) {
    case 'number':
    case 'boolean':
      return value;
    case 'string':
      return cutToCodePoints(value, PARAM_VALUE_CODE_POINTS);
    case 'object':
      return value === null ? undefined : objectLeaf(value);
    default:
      return undefined;
  }
}

function objectLeaf(value: object): Param[1] | undefined {
  let text: string | undefined;
  try {
    // Leaves out null, and what is no configuration, such as a function in a layer of the user's own.
    text = JSON.stringify(serialized(value), (_key, each: unknown) => each ?? undefined);
  } catch {
    return undefined;
  }
  if (text === undefined) return undefined;
  if (isLonger(text, PARAM_VALUE_CODE_POINTS)) return cutToCodePoints(text, PARAM_VALUE_CODE_POINTS);
  const plain: unknown = JSON.parse(text);
  return typeof plain === 'object' && plain !== null ? plain : leafOf(plain);
}

/** TensorFlow.js's { className, config } in one level, or as the class alone where its config says nothing. */
function serialized(value: object): unknown {
  if (!('className' in value && 'config' in value)) return value;
  const { className, config } = value;
  const isSilent = Object.values(config ?? {}).every((setting) => setting === null || setting === undefined);
  return isSilent ? className : { class: className, ...Object(config) };
}

/** Losses and metrics are names, functions, or lists or objects of them. */
function namesOf(given: unknown): unknown {
  if (typeof given === 'function') return given.name || 'a function';
  if (Array.isArray(given)) return given.length === 0 ? undefined : given.map(namesOf);
  if (typeof given === 'object' && given !== null)
    return Object.fromEntries(Object.entries(given).map(([name, each]) => [name, namesOf(each)]));
  return given;
}
