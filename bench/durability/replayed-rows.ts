// Loaded by the generator's process before its clock starts, too.
import 'undici';
import { sendLeftBehind } from './left-behind.js';

/** Seconds from the first look at what a killed process left. */
export interface Replayed {
  /** Until the server has answered for the last record. */
  readonly landed: number;
  /** With the ends of the runs, two requests each, and the journal's removal. */
  readonly over: number;
}

export async function scenario({ url, folder }: { url: string; folder: string }): Promise<Replayed> {
  const start = performance.now();
  let landed: number | undefined;
  await sendLeftBehind(url, folder, () => {
    landed = performance.now();
  });
  if (landed === undefined) throw new Error('it was not told when the last record had landed');
  return { landed: (landed - start) / 1000, over: (performance.now() - start) / 1000 };
}
