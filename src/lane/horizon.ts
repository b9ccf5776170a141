import { type Position, reached } from '../ring/layout.js';

/** Where records are taken from, as a horizon sees it. */
export interface Source {
  /** Everything before it has been taken. */
  readonly position: Position;
  /** Everything before it has been published. */
  readonly published: Position;
  /** Nothing more is taken from it. */
  readonly isLeft: boolean;
}

/**
 * What other threads had published when this was made. Rings are read one after the other, so what one thread was told
 * by another may be read before what the other had logged first.
 */
export class Horizon {
  private readonly tails = new Map<Source, Position>();

  constructor(sources: Iterable<Source>) {
    for (const source of sources) this.tails.set(source, source.published);
  }

  /** All of it has been taken. */
  get isPassed(): boolean {
    for (const [source, tail] of this.tails) if (!source.isLeft && !reached(source.position, tail)) return false;
    return true;
  }

  /** Whether what ends at `position` of `source` had been published. */
  covers(source: Source, position: Position): boolean {
    const tail = this.tails.get(source);
    return tail !== undefined && reached(tail, position);
  }
}
