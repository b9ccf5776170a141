// @ts-check

/**
 * Numbers from 0 to 1 that are the same for the same seed (mulberry32), so that a run can be repeated.
 * @param {number} seed
 */
function randomNumbers(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The numbers from 0 to count - 1 in an order that the seed decides.
 * @param {number} count
 * @param {number} seed
 */
export function shuffledIndexes(count, seed) {
  const random = randomNumbers(seed);
  const indexes = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [indexes[last], indexes[other]] = [indexes[other] ?? 0, indexes[last] ?? 0];
  }
  return indexes;
}
