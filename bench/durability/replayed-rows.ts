import { sendLeftBehind } from './left-behind.js';

/** Seconds from the first look at what a killed process left until the server has answered for the last of it. */
export async function scenario({ url, folder }: { url: string; folder: string }): Promise<number> {
  const start = performance.now();
  await sendLeftBehind(url, folder);
  return (performance.now() - start) / 1000;
}
