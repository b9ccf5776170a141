import { type ScalarTag, stringify } from 'yaml';
import type { ConfigTree } from '../../reading/config.js';

/**
 * For readers of YAML 1.2 and of 1.1 (PyYAML): texts that either would take for something else (`yes`, `1_000`) are
 * quoted. Dates are text, as the core schema has none.
 */
export function yamlText(tree: ConfigTree): string {
  return stringify(tree, {
    compat: 'yaml-1.1',
    lineWidth: 0,
    aliasDuplicateObjects: false,
    customTags: (tags) => [POWER_OF_TEN, EQUALS_SIGN, ...tags],
  });
}

/** PyYAML reads 1e-7 as text, and 1.0e-7 as the number that it is. */
const POWER_OF_TEN: ScalarTag = {
  tag: 'tag:yaml.org,2002:float',
  default: true,
  identify: (value) => typeof value === 'number' && /^-?\de/.test(String(value)),
  test: /^-?\d\.0e[-+]\d+$/,
  resolve: Number,
  stringify: ({ value }) => String(value).replace('e', '.0e'),
};

/** A sign of YAML 1.1 that PyYAML knows and has no value for. */
const EQUALS_SIGN: ScalarTag = {
  tag: 'tag:yaml.org,2002:str',
  default: true,
  identify: (value) => value === '=',
  test: /^=$/,
  resolve: String,
  stringify: () => '"="',
};
