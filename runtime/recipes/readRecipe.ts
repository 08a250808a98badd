import { basename, dirname, resolve } from 'node:path';
import {
  createScanner,
  getLocation,
  parse,
  parseTree,
  printParseErrorCode,
  type ParseError,
  findNodeAtLocation,
} from 'jsonc-parser';
import type { z } from 'zod';
import { HumanError } from '../support/errors.js';
import { readText, shown } from '../support/jsonFile.js';
import { recipeSchemas, type Recipe } from '../contract/recipe.js';

/** A recipe with its file; paths inside are relative to the file's folder. */
export interface RecipeFile {
  readonly recipe: Recipe;
  readonly file: string;
  /** Absolute path of a path written in the recipe. */
  readonly path: (relative: string) => string;
}

/**
 * Reads and checks a recipe.
 * @throws HumanError with `recipe.json:line` and the key, for broken JSON, an unknown kind or key, a value of the wrong type.
 */
export async function readRecipe(file: string): Promise<RecipeFile> {
  const text = (await readText(file, MAX_BYTES)).replace(/^\uFEFF/, '');
  return {
    recipe: parseRecipe(text, basename(file)),
    file: resolve(file),
    path: (relative) => resolve(dirname(file), relative),
  };
}

const MAX_BYTES = 2 ** 20;
/** A recipe has five levels; the parser of comments and commas is recursive. */
const MAX_DEPTH = 64;

function isDeep(text: string): boolean {
  const scanner = createScanner(text, true);
  let depth = 0;
  do {
    scanner.scan();
    const first = text[scanner.getTokenOffset()];
    if (first === '{' || first === '[') depth++;
    else if (first === '}' || first === ']') depth--;
  } while (scanner.getTokenOffset() < text.length && depth <= MAX_DEPTH);
  return depth > MAX_DEPTH;
}

/** The recipe in a text with comments; `name` is its place in errors. */
export function parseRecipe(text: string, name: string): Recipe {
  if (isDeep(text))
    throw new HumanError('lists and objects are nested too deeply.', { place: name, remedy: 'Check the brackets.' });
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const line = (offset: number): number => text.slice(0, offset).split('\n').length;
  if (errors[0]) {
    const near = getLocation(text, errors[0].offset).path.join('.');
    throw new HumanError(`this is not JSON: ${words(printParseErrorCode(errors[0].error))}.`, {
      place: `${name}:${line(errors[0].offset)}${near ? ` ${near}` : ''}`,
      remedy: 'Check commas, quotes and brackets there.',
    });
  }
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
        return `${name}:${line((node.parent ?? node).type === 'property' ? node.parent!.offset : node.offset)}${path.length ? ` ${path.join('.')}` : ''}`;
    }
    return name;
  };
  const kinds = Object.keys(recipeSchemas);
  const kind = typeof value === 'object' && value !== null ? (value as { kind?: unknown }).kind : undefined;
  if (typeof kind !== 'string' || !kinds.includes(kind)) {
    throw new HumanError(kind === undefined ? 'the recipe has no "kind".' : `${shown(kind)} is not a kind of recipe.`, {
      place: placeOf(kind === undefined ? [] : ['kind']),
      remedy: `"kind" is one of ${kinds.map((k) => `"${k}"`).join(', ')}.`,
    });
  }
  const result = (recipeSchemas[kind as Recipe['kind']] as z.ZodType<Recipe>).safeParse(value);
  if (result.success) return result.data;
  throw issueError(result.error.issues[0]!, placeOf, kind);
}

type Issue = z.core.$ZodIssue;

function issueError(issue: Issue, placeOf: (path: readonly PropertyKey[]) => string, kind: string): HumanError {
  if (issue.code === 'invalid_union') {
    const deepest = issue.errors.flat().sort((a, b) => b.path.length - a.path.length)[0];
    if (deepest && deepest.path.length > 0)
      return issueError({ ...deepest, path: [...issue.path, ...deepest.path] } as Issue, placeOf, kind);
    if (deepest?.code === 'unrecognized_keys')
      return issueError({ ...deepest, path: issue.path } as Issue, placeOf, kind);
  }
  if (issue.code === 'unrecognized_keys') {
    return new HumanError(
      `unknown ${issue.keys.length > 1 ? 'keys' : 'key'} ${issue.keys.map((k) => `"${k}"`).join(', ')} in a ${kind} recipe.`,
      {
        place: placeOf([...issue.path, issue.keys[0]!]),
        remedy: 'Check the spelling against docs or the completion in the editor, or remove it.',
      },
    );
  }
  return new HumanError(`${issue.message.replace(/^Invalid input: /, '').replace(/\.?$/, '.')}`, {
    place: placeOf(issue.path),
    remedy: 'Correct this value.',
  });
}

const words = (code: string): string => code.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
