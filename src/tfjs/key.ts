import { keyProblem } from '../params/key.js';
import { cutToCodePoints } from '../params/length.js';
import { KEY_CODE_POINTS } from '../params/limits.js';

const NOT_ALLOWED = /[^\p{L}\p{N}_.\- :]/gu;

/**
 * A name of TensorFlow.js as a key that MLflow takes. Layers and functions have other rules there (`a//b`, `off$by`), and a
 * training must not end with refused records for a name.
 */
export function keyOf(...parts: readonly string[]): string {
  const key = parts.filter((part) => part !== '').join('.');
  if (keyProblem(key) === undefined) return key;
  const cut = cutToCodePoints(key.replace(NOT_ALLOWED, '_'), KEY_CODE_POINTS);
  return keyProblem(cut) === undefined ? cut : cutToCodePoints(`_${cut.replaceAll('.', '_')}`, KEY_CODE_POINTS);
}
