/**
 * What of TensorFlow.js is used, by its shape: headrace depends on no version or flavour of it, and type-checks where
 * none is installed.
 */

/** A `tf.LayersModel` or `tf.Sequential`. */
export interface FitModel {
  readonly name: string;
  readonly layers: readonly FitLayer[];
  /** Of a model that is compiled. */
  readonly optimizer?: FitOptimizer | undefined;
  readonly loss?: unknown;
  readonly metrics?: unknown;
  getClassName(): string;
  countParams(): number;
}

export interface FitLayer {
  getClassName(): string;
  getConfig(): object;
}

export interface FitOptimizer {
  getClassName(): string;
  getConfig(): object | null;
}

/** A number of one value, still on its device. */
export interface FitScalar {
  clone(): FitScalar;
  data(): Promise<ArrayLike<unknown>>;
  dispose(): void;
}

/** What TensorFlow.js tells its own callbacks before training: `epochs`, `batchSize`, `samples`… */
export type FitParams = Readonly<Record<string, unknown>>;

export type FitLogs = Readonly<Record<string, unknown>>;
