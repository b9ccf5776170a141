// The parts that this example uses of two packages that ship no types.
declare module 'mnist' {
  /** One per digit: its images, 784 grey values from 0 to 1 each, behind each other. */
  const digits: Readonly<Record<number, { readonly raw: readonly number[]; readonly length: number }>>;
  export default digits;
}

declare module 'cli-progress' {
  interface Options {
    format: string;
    hideCursor: boolean;
    linewrap: boolean;
    gracefulExit: boolean;
    clearOnComplete: boolean;
  }
  class SingleBar {
    constructor(options: Options);
    start(total: number, value: number, payload: object): void;
    update(value: number, payload: object): void;
    stop(): void;
  }
  const progress: { readonly SingleBar: typeof SingleBar };
  export default progress;
}
