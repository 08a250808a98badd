import type { Recipe } from './protocol.js';

/** A file or folder that a recipe reads, and the key that names it. */
export interface RecipeInput {
  /** `evaluate.2.file`; empty for the recipe itself. */
  readonly key: string;
  readonly path: string;
}

/** What a run uses an input for. */
export type InputRole = 'model' | 'data' | 'probes' | 'vector' | 'start' | 'adapter' | 'set' | 'judge';

type RecipeOf<K extends Recipe['kind']> = Extract<Recipe, { kind: K }>;
/** The keys of a recipe that have a text as their value; `*` stands for each entry of a list. */
type TextKey<T> = T extends string
  ? ''
  : T extends readonly (infer Entry)[]
    ? `.*${TextKey<Entry>}`
    : T extends object
      ? { [K in keyof T & string]-?: `.${K}${TextKey<NonNullable<T[K]>>}` }[keyof T & string]
      : never;
type Input<T> = readonly [key: TextKey<T> extends `.${infer Key}` ? Key : never, role: InputRole];

/** Each path of the schema but `output`, in the order in which they are read. */
const INPUTS: { [K in Recipe['kind']]: readonly Input<RecipeOf<K>>[] } = {
  vector: [
    ['model', 'model'],
    ['harmful.file', 'data'],
    ['benign.file', 'data'],
    ['adapter.init', 'start'],
  ],
  finetune: [
    ['model', 'model'],
    ['data.file', 'data'],
    ['probes.harmful.file', 'probes'],
    ['probes.benign.file', 'probes'],
    ['vectors.*.adapter', 'vector'],
    ['adapter.init', 'start'],
    ['evaluate.*.file', 'set'],
    ['judges.*.classifier', 'judge'],
  ],
  evaluate: [
    ['model', 'model'],
    ['adapters.*.adapter', 'adapter'],
    ['states.*.model', 'model'],
    ['states.*.adapters.*.adapter', 'adapter'],
    ['evaluate.*.file', 'set'],
    ['judges.*.classifier', 'judge'],
  ],
};

export const RECIPE_KINDS = Object.keys(INPUTS) as Recipe['kind'][];
const inputsOf: ReadonlyMap<string, readonly (readonly [key: string, role: InputRole])[]> = new Map(
  Object.entries(INPUTS),
);

/** Everything that a recipe names to be read, also of one that is not checked: what is no path is left out. */
export function recipeInputs(recipe: { kind: string }, role?: InputRole): RecipeInput[] {
  const inputs = inputsOf.get(recipe.kind) ?? [];
  return inputs.flatMap(([key, of]) => (role === undefined || role === of ? pathsAt(recipe, key.split('.')) : []));
}

function pathsAt(value: unknown, [part, ...rest]: readonly string[], key = ''): RecipeInput[] {
  if (part === undefined) return typeof value === 'string' && value !== '' ? [{ key, path: value }] : [];
  if (typeof value !== 'object' || value === null || (part === '*') !== Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    part === '*' || part === name ? pathsAt(inner, rest, key ? `${key}.${name}` : name) : [],
  );
}
