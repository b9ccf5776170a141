// The parts that are used of a package that ships no types.
declare module 'cli-progress' {
  interface Options {
    format: string;
    fps?: number;
    hideCursor: boolean;
    linewrap: boolean;
    gracefulExit: boolean;
    clearOnComplete: boolean;
  }
  class SingleBar {
    constructor(options: Options);
    start(total: number, value: number, payload?: object): void;
    setTotal(total: number): void;
    update(value: number, payload?: object): void;
    stop(): void;
  }
  const progress: { readonly SingleBar: typeof SingleBar };
  export default progress;
}
