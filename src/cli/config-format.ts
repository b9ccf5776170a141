/** The formats that a configuration is written in; each is loaded when it is asked for. */
import type { ConfigTree } from '../reading/config.js';

export const FORMATS = ['json', 'yaml', 'toml', 'env', 'args'] as const;
export type ConfigFormat = (typeof FORMATS)[number];

/** `omitted` is told each key that the format can't have. */
export async function configText(tree: ConfigTree, format: ConfigFormat, omitted: (key: string) => void): Promise<string> {
  switch (format) {
    case 'json':
      return (await import('./formats/json.js')).jsonText(tree);
    case 'yaml':
      return (await import('./formats/yaml.js')).yamlText(tree);
    case 'toml':
      return (await import('./formats/toml.js')).tomlText(tree, omitted);
    case 'env':
      return (await import('./formats/env.js')).envText(tree);
    case 'args':
      return (await import('./formats/args.js')).argsText(tree);
  }
}
