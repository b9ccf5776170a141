/** Runs such as a sweep leaves: most of them well, one diverged, one was killed, one has a param less. */
import type { StoredRun } from '../../src/reading/stored-run.js';
import { storedRun } from './stored-runs.js';

const RATES = ['0.0003', '0.001', '0.003', '0.01'];
const OPTIMIZERS = ['adam', 'adamw', 'sgd'];
const EPOCHS = 60;

export function sampleRuns(count: number): StoredRun[] {
  return Array.from({ length: count }, (_, index) => sampleRun(index));
}

function sampleRun(index: number): StoredRun {
  const random = sequence(index + 1);
  // 1e-3 and 0.001 are one rate in two texts.
  const rate = index === 5 ? '1e-3' : (RATES[index % RATES.length] ?? '0.001');
  const optimizer = OPTIMIZERS[Math.floor(index / 2) % OPTIMIZERS.length] ?? 'adam';
  const width = 32 * 2 ** (index % 3);
  const dropout = (Math.floor(random() * 6) / 10).toFixed(1);
  const diverges = index % 12 === 3;
  const isKilled = index % 12 === 7;
  const epochs = isKilled ? 22 : EPOCHS;
  const skill = 0.06 * Math.log10(Number(rate) / 0.0001) + width / 3000 - Number(dropout) * 0.05 + random() * 0.02;
  const losses: number[] = [];
  const valLosses: number[] = [];
  const accuracies: number[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const fall = Math.exp((-epoch * (2 + skill * 12)) / EPOCHS);
    const blownUp = diverges && epoch > 34;
    losses.push(blownUp ? Number.NaN : 2.2 * fall + 0.04 + random() * 0.06);
    valLosses.push(blownUp ? Number.POSITIVE_INFINITY : 2.1 * fall + 0.14 - skill * 0.3 + random() * 0.09);
    accuracies.push(blownUp ? 0.1 : Math.min(0.995, 0.1 + (0.72 + skill) * (1 - fall) + random() * 0.015));
  }
  const start = Date.UTC(2026, 10, 20, 9, index * 7);
  return storedRun({
    name: `sweep-${String(index + 1).padStart(2, '0')}-${optimizer}`,
    experiment: 'digits',
    status: isKilled ? 'KILLED' : diverges ? 'FAILED' : 'FINISHED',
    startTime: start,
    endTime: start + 1000 * (epochs * 5 + index),
    params: {
      'data.augment': index % 2 === 0 ? 'true' : 'false',
      'data.path': '/data/digits/v3',
      'data.workers': '4',
      epochs: '60',
      'model.activation': 'relu',
      'model.dropout': dropout,
      'model.layers': '3',
      'model.width': String(width),
      'optimizer.lr': rate,
      'optimizer.name': optimizer,
      ...(optimizer === 'sgd' ? { 'optimizer.momentum': '0.9' } : {}),
      'optimizer.schedule': 'cosine',
      'optimizer.weight_decay': '0.0001',
      seed: String(17 + index),
    },
    metrics: {
      'train/loss': losses,
      'val/accuracy': accuracies,
      'val/loss': valLosses,
      'test/accuracy': isKilled ? [] : [accuracies.at(-1) ?? 0],
    },
  });
}

/** Between 0 and 1, the same each time (mulberry32). */
function sequence(seed: number): () => number {
  let state = seed * 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
