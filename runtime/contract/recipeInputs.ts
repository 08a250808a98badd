import { KINDS, type InputRole } from './kinds.js';
import type { Recipe } from './recipe.js';

/** A file or folder that a recipe reads, and the key that names it. */
export interface RecipeInput {
  /** `evaluate.2.file`; empty for the recipe itself. */
  readonly key: string;
  readonly path: string;
}

export const RECIPE_KINDS = Object.keys(KINDS) as Recipe['kind'][];

const inputsOf: ReadonlyMap<string, readonly (readonly [key: string, role: InputRole])[]> = new Map(
  Object.entries(KINDS).map(([kind, { inputs }]) => [kind, inputs]),
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

/** What a recipe says at a key such as `evaluate.2.exclude`; undefined where it says nothing. */
export const valueAt = (recipe: unknown, key: string): unknown =>
  key
    .split('.')
    .reduce<unknown>(
      (at, part) => (typeof at === 'object' && at ? (at as Record<string, unknown>)[part] : undefined),
      recipe,
    );
