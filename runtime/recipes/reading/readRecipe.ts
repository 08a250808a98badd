import { safeParse } from '../../contract/safeParse.js';
import { basename, dirname, resolve } from 'node:path';
import { findNodeAtLocation, getLocation, parseTree } from 'jsonc-parser';
import type * as z from 'zod';
import { HumanError, unless } from '../../support/errors.js';
import { isObject } from '../../contract/isObject.js';
import { readText, shown } from '../../support/jsonFile.js';
import { lineOf, parseJsonc, secondKey, secondKeyText } from '../../contract/jsonc.js';
import { recipeSchemas, type Recipe } from '../../contract/recipe.js';
import { recipeKind } from '../../contract/recipeFacts.js';
import { RECIPE_KINDS } from '../../contract/recipeInputs.js';
import { fullRates } from './defaults.js';
import { recipeFault } from './recipeFault.js';

/** A recipe with its file; paths inside are relative to the file's folder. */
export interface RecipeFile {
  readonly recipe: Recipe;
  readonly file: string;
  /** Absolute path of a path written in the recipe. */
  readonly path: (relative: string) => string;
}

/**
 * Reads and checks a recipe.
 * @throws HumanError with `recipe.json:line` and the key, for broken JSON, an unknown kind or key, a key that stands
 * twice, a value of the wrong type.
 */
export async function readRecipe(file: string): Promise<RecipeFile> {
  return {
    recipe: parseRecipe(await readText(file, MAX_BYTES), basename(file)),
    file: resolve(file),
    path: (relative) => resolve(dirname(file), relative),
  };
}

export const MAX_BYTES = 2 ** 20;
/**
 * The recipe in a text with comments.
 * @param name its place in errors
 * @param read what of its value counts
 */
export function parseRecipe(text: string, name: string, read: (value: unknown) => unknown = (value) => value): Recipe {
  const { value, fault } = parseJsonc(text);
  if (fault?.code === 'TooDeep')
    throw new HumanError('lists and objects are nested too deeply.', {
      place: `${name}:${fault.line}`,
      remedy: 'Check the brackets.',
    });
  if (fault && isRows(text))
    throw new HumanError('this is a data file; a recipe was expected.', {
      place: `${name}:1`,
      remedy: 'Give a recipe, which names it as "data" or "harmful".',
    });
  if (fault) {
    const near = getLocation(text, fault.offset).path.join('.');
    throw new HumanError(`this is not JSON: ${fault.words}.`, {
      place: `${name}:${fault.line}${near ? ` ${near}` : ''}`,
      remedy: 'Check commas, quotes and brackets there.',
    });
  }
  const second = secondKey(text);
  if (second)
    throw new HumanError(`${secondKeyText(second)}.`, {
      place: `${name}:${second.line} ${getLocation(text, second.offset).path.join('.')}`,
      remedy: 'Keep one of both.',
    });
  const tree = parseTree(text, [], { allowTrailingComma: true });
  const nodeAt = (path: readonly PropertyKey[]) =>
    tree && findNodeAtLocation(tree, path.map((part) => (typeof part === 'symbol' ? String(part) : part))); // oxfmt-ignore
  const placeOf = (path: readonly PropertyKey[]): string => {
    for (let n = path.length; n >= 0; n--) {
      const node = nodeAt(path.slice(0, n));
      if (node)
        return `${name}:${lineOf(text, (node.parent ?? node).type === 'property' ? node.parent!.offset : node.offset)}${path.length ? ` ${path.join('.')}` : ''}`;
    }
    return name;
  };
  const kind = recipeKind(value);
  if (kind === undefined) {
    const given = typeof value === 'object' && value !== null ? (value as { kind?: unknown }).kind : undefined;
    throw new HumanError(
      given === undefined ? 'the recipe has no "kind".' : `${shown(given)} is not a kind of recipe.`,
      {
        place: placeOf(given === undefined ? [] : ['kind']),
        remedy: `"kind" is one of ${RECIPE_KINDS.map((k) => `"${k}"`).join(', ')}.`,
      },
    );
  }
  const { batch } = value as { batch?: unknown };
  if (isObject(batch) && 'rows' in batch && 'tokens' in batch)
    throw new HumanError('batch.rows and batch.tokens are both given.', {
      place: placeOf(['batch', 'tokens']),
      remedy: 'Keep one: "tokens" is a budget for each micro-batch, whatever its number of rows.',
    });
  const { method, optimizer } = value as { method?: unknown; optimizer?: unknown };
  if (kind === 'finetune' && method === 'full' && !(isObject(optimizer) && 'learningRate' in optimizer))
    throw new HumanError('full fine-tuning has no default learning rate.', {
      place: placeOf(['method']),
      remedy: `Write optimizer.learningRate: ${fullRates()}.`,
    });
  const result = safeParse(recipeSchemas[kind] as z.ZodType<Recipe>, read(value));
  if (result.success) return result.data;
  throw recipeFault(result.error.issues, {
    kind,
    placeOf,
    isThere: (path) => nodeAt(path) !== undefined,
    textAt(path) {
      const found: unknown = nodeAt(path)?.value;
      return typeof found === 'string' ? found : undefined;
    },
  });
}

/** Whether the text has JSON lines: the first two are objects, each a whole one. */
function isRows(text: string): boolean {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.length > 1 && lines.slice(0, 2).every((line) => isObject(unless(SyntaxError, () => JSON.parse(line))));
}
