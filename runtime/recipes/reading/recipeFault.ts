/** What the schema finds wrong with a recipe, in plain words. */
import type * as z from 'zod';
import { sum } from '../../contract/sum.js';
import type { Recipe } from '../../contract/recipe.js';
import { HumanError } from '../../support/errors.js';
import { nearKey, textOf } from './nearKey.js';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

interface RecipeText {
  readonly kind: Recipe['kind'];
  /** File, line and key. */
  placeOf(path: Path): string;
  isThere(path: Path): boolean;
  /** The text that stands there; undefined for other values. */
  textAt(path: Path): string | undefined;
}

/** Values of several keys that do not go together, each of which is right alone. */
export class Clash extends HumanError {}

/** Unknown keys come first: what is missing may be there under another name. */
export function recipeFault(issues: readonly Issue[], recipe: RecipeText): HumanError {
  return faultOf(issues.find(isUnknown) ?? issues[0], recipe);
}

const isUnknown = ({ code }: Issue): boolean => code === 'unrecognized_keys';

function faultOf(issue: Issue, recipe: RecipeText): HumanError {
  const { kind, placeOf, isThere } = recipe;
  const key = issue.path.at(-1);
  if (typeof key === 'string' && issue.code !== 'custom' && !isThere(issue.path))
    return new HumanError(`the key "${key}" is missing.`, { place: placeOf(issue.path), remedy: 'Add it.' });
  if (issue.code === 'invalid_union') {
    const within = inForms(nearest(issue.errors));
    if (within) return faultOf({ ...within, path: [...issue.path, ...within.path] }, recipe);
  }
  if (issue.code === 'unrecognized_keys')
    return new HumanError(
      `unknown ${issue.keys.length > 1 ? 'keys' : 'key'} ${issue.keys.map((k) => `"${k}"`).join(', ')} in ${kind === 'evaluate' ? 'an' : 'a'} ${kind} recipe.`,
      {
        place: placeOf([...issue.path, issue.keys[0]]),
        remedy: meant(issue, kind),
      },
    );
  const [message, place] = [`${plainly(issue).replace(/\.$/, '')}.`, placeOf(issue.path)];
  // What is ours says what to do.
  if (issue.code === 'custom') return new Clash(message, { place });
  return new HumanError(message, { place, remedy: instead(issue, recipe) });
}

/** A text in the place of an object that has little more to say is meant for its key: a file for a data source. */
function instead(issue: Issue, { kind, textAt }: RecipeText): string {
  const isObject = issue.code === 'invalid_type' && issue.expected === 'object';
  const [key, text] = isObject ? [textOf(issue.path, kind), textAt(issue.path)] : [];
  return key === undefined || text === undefined
    ? 'Correct this value.'
    : `Write { "${key}": ${JSON.stringify(text)} }.`;
}

function meant({ path, keys: [key] }: Issue & { keys: readonly string[] }, kind: RecipeText['kind']): string {
  const within = path.filter((part) => typeof part === 'string').join('.');
  const near = nearKey(key, within, kind);
  return near === undefined
    ? 'Check the spelling against docs or the completion in the editor, or remove it.'
    : `Perhaps "${near}" is meant; or remove it.`;
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
};

/** Texts that zod has made itself; those of a schema are plain already. */
const OF_ZOD = /^(Invalid|Too small|Too big)\b/;

function plainly(issue: Issue): string {
  if (!OF_ZOD.test(issue.message)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return `${TYPES[issue.expected] ?? issue.expected} was expected`;
    case 'invalid_value': {
      const values = issue.values.map((value) => JSON.stringify(value)).join(', ');
      return `${issue.values.length > 1 ? 'one of ' : ''}${values} was expected`;
    }
    case 'too_small': {
      const { origin, minimum, inclusive } = issue;
      if (origin === 'string') return 'this text is empty';
      if (origin === 'array')
        return minimum === 1 ? 'this list is empty' : `this list has fewer than ${minimum} entries`;
      return inclusive ? `this is less than ${minimum}, the smallest value here` : `this must be more than ${minimum}`;
    }
    case 'too_big':
      return issue.origin === 'array'
        ? `this list has more than ${issue.maximum} entries`
        : `this is more than ${issue.maximum}, the largest value here`;
    default:
      return issue.message.replace(/^Invalid input: /, '');
  }
}

/**
 * The forms that the value is most likely meant to have, by what is wrong: objects with the fewest keys that they do
 * not know.
 */
function nearest(forms: readonly Issue[][]): Issue[][] {
  const unknown = (form: readonly Issue[]): number =>
    sum(form.map((one) => (one.code === 'unrecognized_keys' ? one.keys.length : 0)));
  const objects = forms.filter((form) => form.some((one) => one.path.length > 0 || isUnknown(one)));
  const fewest = Math.min(...objects.map(unknown));
  return objects.filter((form) => unknown(form) === fewest).sort((a, b) => a.length - b.length);
}

/** The fault to tell of; undefined where nothing says which form is meant. */
function inForms(forms: readonly Issue[][]): Issue | undefined {
  const unknown = forms.flat().find(isUnknown);
  if (unknown || forms.length !== 1) return unknown;
  const [deepest] = [...forms[0]].sort((a, b) => b.path.length - a.path.length);
  return deepest.path.length > 0 ? deepest : undefined;
}
