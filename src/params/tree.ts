/**
 * A param's value as it was at the call, in a form that survives packing: only strings, numbers,
 * booleans, null, and arrays that begin with a tag. msgpackr alone would lose -0, large bigints and
 * `__proto__` keys, and would need both sides to agree on extensions.
 */
export const Tag = {
  /** `[Array, ...items]` */
  Array: 0,
  /** `[Object, key, value, key, value, …]`: plain objects, and Maps; a Map's keys may be any tree. */
  Object: 1,
  /** `[Set, ...items]` */
  Set: 2,
  /** `[BigInt, digits]`: also integers of a config file that a double can't hold. */
  BigInt: 3,
  /** `[Date, milliseconds since 1970]` */
  Date: 4,
  /** `[NegativeZero]` */
  NegativeZero: 5,
  /** `[Float, number]`: a whole number that its source spells as a float (`1.0` in YAML). */
  Float: 6,
  /** `[Floats, ...numbers]`: Float32Array, Float64Array */
  Floats: 7,
} as const;
export type Tag = (typeof Tag)[keyof typeof Tag];

export type Tree = string | number | boolean | null | TaggedTree;
export type TaggedTree = readonly [tag: Tag, ...parts: Tree[]];

/** Of a param whose names neither its key nor 16 bits tell (inner-separators.ts). */
export type NamedTree = readonly [names: readonly string[], tree: Tree];
