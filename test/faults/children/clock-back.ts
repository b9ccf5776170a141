/** For `--import`: from CLOCK_BACK_AT on (milliseconds since 1970) this thread's clock shows an hour less. */
const RealDate = Date;
const backAt = Number(process.env['CLOCK_BACK_AT']);
const HOUR_MS = 3_600_000;

function now(): number {
  const time = RealDate.now();
  return time < backAt ? time : time - HOUR_MS;
}

// Date's own overloads are kept: only what reads the clock changes.
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});
