/** From stored text back to the configuration that was logged. */
import { ConfigSchemaError } from '../errors.js';
import { isTypeTag, type ParamType, parseTypeTag, SEPARATOR_TAG, typeTagKey } from '../params/type-tag.js';
import { nest } from './config-nesting.js';
import { configValue } from './config-value.js';

/** What a param was before it became text. */
export type ConfigValue = string | number | boolean | null | bigint | Date | readonly ConfigValue[] | ConfigTree;

export interface ConfigTree {
  readonly [key: string]: ConfigValue;
}

/** The part of https://standardschema.dev that is used: zod, valibot and arktype have it. */
export interface StandardSchema<Output> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

/** `params` and `tags` as they are stored. See docs/values.md, "Reading back". */
export function configOf(params: ReadonlyMap<string, string>, tags: ReadonlyMap<string, string>): ConfigTree {
  const separator = tags.get(SEPARATOR_TAG) === '/' ? '/' : '.';
  // Most runs have none, and then nothing has to be hashed to look for them.
  const isTyped = [...tags.keys()].some(isTypeTag);
  const config: ConfigTree = {};
  for (const key of [...params.keys()].sort()) {
    const text = params.get(key) ?? '';
    const type = isTyped ? typeOf(key, text, tags) : undefined;
    nest(config, namesOf(key, separator, type), key, configValue(text, type));
  }
  return config;
}

/** Rejects with ConfigSchemaError. */
export async function configBy<Output>(schema: StandardSchema<Output>, config: ConfigTree): Promise<Output> {
  const result = await schema['~standard'].validate(config);
  if (result.issues === undefined) return result.value;
  throw new ConfigSchemaError({
    problems: result.issues.map(({ path, message }) => ({ key: (path ?? []).map(nameOf).join('.'), message })),
  });
}

function typeOf(key: string, text: string, tags: ReadonlyMap<string, string>): ParamType | undefined {
  const tag = tags.get(typeTagKey(key, text));
  return tag === undefined ? undefined : parseTypeTag(tag);
}

function namesOf(key: string, separator: '.' | '/', type: ParamType | undefined): readonly string[] {
  const names = type?.names;
  // The tag may be anybody's: it has to be about this key.
  const isOfKey = names !== undefined && (names.join('.') === key || names.join('/') === key);
  return isOfKey ? names : key.split(separator);
}

function nameOf(step: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof step === 'object' ? step.key : step);
}
