/** From stored text back to the configuration that was logged. */

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

/** `params` and `tags` as they are stored. */
export function configOf(params: ReadonlyMap<string, string>, tags: ReadonlyMap<string, string>): ConfigTree {
  throw new Error(`${params.size} params and ${tags.size} tags are not read back yet`);
}

/** As the schema gives it out. */
export async function configBy<Output>(schema: StandardSchema<Output>, tree: ConfigTree): Promise<Output> {
  const result = await schema['~standard'].validate(tree);
  if (result.issues === undefined) return result.value;
  throw new Error(result.issues.map(({ message }) => message).join('; '));
}
