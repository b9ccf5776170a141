import { findChromium } from './chromium.js';

/** Once, and before any test: without a browser not one of them says anything. Vitest's forks inherit the environment. */
export default function setup(): void {
  process.env['HEADRACE_CHROMIUM'] = findChromium();
}
