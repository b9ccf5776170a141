/** A filter as it was understood. What each part means is said by `evaluate.ts` alone; stores only narrow their search by it. */

/** What has a value in a run. A run's name is the tag that MLflow keeps it in, as in MLflow's own filters. */
export interface Operand {
  readonly of: 'params' | 'metrics' | 'tags' | 'attributes';
  /** Of an attribute: one of ATTRIBUTES. */
  readonly key: string;
}

export type Comparator = '=' | '!=' | '<' | '<=' | '>' | '>=';

/** A number compares numbers, a text compares texts. */
export type Literal = string | number;

export type Leaf =
  | { readonly kind: 'compare'; readonly operand: Operand; readonly comparator: Comparator; readonly value: Literal }
  | { readonly kind: 'like'; readonly operand: Operand; readonly pattern: string; readonly ignoreCase: boolean }
  | { readonly kind: 'in'; readonly operand: Operand; readonly values: readonly Literal[]; readonly negated: boolean }
  | { readonly kind: 'null'; readonly operand: Operand; readonly negated: boolean };

export type Filter =
  | Leaf
  | { readonly kind: 'and'; readonly parts: readonly Filter[] }
  | { readonly kind: 'or'; readonly parts: readonly Filter[] }
  | { readonly kind: 'not'; readonly part: Filter };
