import { safeParse } from '../contract/safeParse.js';
import { basename, dirname, resolve } from 'node:path';
import { findNodeAtLocation, getLocation, parseTree } from 'jsonc-parser';
import type * as z from 'zod';
import { HumanError } from '../support/errors.js';
import { isObject } from '../contract/isObject.js';
import { readText, shown } from '../support/jsonFile.js';
import { lineOf, parseJsonc, secondKey, secondKeyText } from '../contract/jsonc.js';
import { recipeSchemas, type Recipe } from '../contract/recipe.js';
import { recipeKind } from '../contract/recipeFacts.js';
import { RECIPE_KINDS } from '../contract/recipeInputs.js';
import { fullRates } from './defaults.js';

/** A recipe with its file; paths inside are relative to the file's folder. */
export interface RecipeFile {
  readonly recipe: Recipe;
  readonly file: string;
  /** Absolute path of a path written in the recipe. */
  readonly path: (relative: string) => string;
}

/**
 * Reads and checks a recipe.
 * @throws HumanError with `recipe.json:line` and the key, for broken JSON, an unknown kind or key, a key that stands twice, a value
 * of the wrong type.
 */
export async function readRecipe(file: string): Promise<RecipeFile> {
  return {
    recipe: parseRecipe(await readText(file, MAX_BYTES), basename(file)),
    file: resolve(file),
    path: (relative) => resolve(dirname(file), relative),
  };
}

export const MAX_BYTES = 2 ** 20;
/** The recipe in a text with comments; `name` is its place in errors. */
export function parseRecipe(text: string, name: string): Recipe {
  const { value, fault } = parseJsonc(text);
  if (fault?.code === 'TooDeep')
    throw new HumanError('lists and objects are nested too deeply.', {
      place: `${name}:${fault.line}`,
      remedy: 'Check the brackets.',
    });
  if (fault) {
    const near = getLocation(text, fault.offset).path.join('.');
    throw new HumanError(`this is not JSON: ${words(fault.code)}.`, {
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
  const placeOf = (path: readonly PropertyKey[]): string => {
    for (let n = path.length; n >= 0; n--) {
      const node =
        tree &&
        findNodeAtLocation(
          tree,
          path.slice(0, n).map((p) => (typeof p === 'symbol' ? String(p) : p)),
        );
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
  const result = safeParse(recipeSchemas[kind] as z.ZodType<Recipe>, value);
  if (result.success) return result.data;
  throw issueError(result.error.issues[0], placeOf, kind);
}

type Issue = z.core.$ZodIssue;

function issueError(issue: Issue, placeOf: (path: readonly PropertyKey[]) => string, kind: string): HumanError {
  if (issue.code === 'invalid_union') {
    const deepest = nearest(issue.errors).sort((a, b) => b.path.length - a.path.length)[0];
    if (deepest && deepest.path.length > 0)
      return issueError({ ...deepest, path: [...issue.path, ...deepest.path] }, placeOf, kind);
    if (deepest?.code === 'unrecognized_keys') return issueError({ ...deepest, path: issue.path }, placeOf, kind);
  }
  if (issue.code === 'unrecognized_keys') {
    return new HumanError(
      `unknown ${issue.keys.length > 1 ? 'keys' : 'key'} ${issue.keys.map((k) => `"${k}"`).join(', ')} in ${kind === 'evaluate' ? 'an' : 'a'} ${kind} recipe.`,
      {
        place: placeOf([...issue.path, issue.keys[0]]),
        remedy: 'Check the spelling against docs or the completion in the editor, or remove it.',
      },
    );
  }
  return new HumanError(`${issue.message.replace(/^Invalid input: /, '').replace(/\.?$/, '.')}`, {
    place: placeOf(issue.path),
    remedy: 'Correct this value.',
  });
}

/** What is wrong by the form that the value is most likely meant to have: the object with the fewest keys that it does not know. */
function nearest(forms: readonly Issue[][]): Issue[] {
  const unknown = (form: readonly Issue[]): number =>
    form.reduce((n, one) => n + (one.code === 'unrecognized_keys' ? one.keys.length : 0), 0);
  const objects = forms.filter((form) =>
    form.some(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
  );
  const fewest = Math.min(...objects.map(unknown));
  return objects.length === 0 ? forms.flat() : objects.filter((form) => unknown(form) === fewest).flat();
}

const words = (code: string): string => code.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
