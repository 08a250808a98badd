/** The recipes of a sweep's points: the base, with some keys set. */
import { basename } from 'node:path';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import type { SweepRecipe } from '../../contract/recipeSweep.js';
import { parseJsonc } from '../../contract/jsonc.js';
import { recipeKind } from '../../contract/recipeFacts.js';
import {
  axisName,
  canonical,
  pointsOf,
  settingsOf,
  valuesText,
  withValue,
  type SweepValues,
} from '../../contract/sweep.js';
import { HumanError } from '../../support/errors.js';
import { readText, shown } from '../../support/jsonFile.js';
import { sha256 } from '../../support/files.js';
import { MAX_BYTES, parseRecipe, type RecipeFile } from './readRecipe.js';
import { Clash } from './recipeFault.js';

/** A point before it is run. */
export interface PlannedPoint {
  readonly values: SweepValues;
  readonly recipe: FinetuneRecipe;
  /** Of its folder, where it has none yet. */
  readonly name: string;
}

/**
 * Every point of a sweep in the order of the grid, each checked as a recipe of its own.
 * @param path absolute path of a path written in the sweep
 * @throws HumanError for a base that is no fine-tuning, and for values that a recipe cannot have
 */
export async function plannedPoints(
  { base, over }: SweepRecipe,
  { path, file }: Pick<RecipeFile, 'path' | 'file'>,
): Promise<PlannedPoint[]> {
  const text = await readText(path(base), MAX_BYTES);
  const clash = clashIn(text, basename(base));
  const { value } = parseJsonc(text);
  const kind = recipeKind(value);
  if (kind !== 'finetune')
    throw new HumanError(`the base of a sweep is a "finetune" recipe; this is a "${kind}" recipe.`, {
      place: path(base),
      remedy: 'Name another recipe as "base".',
    });
  const names = new Map<string, string>();
  return pointsOf(over).map((values) => {
    const place = `${basename(file)} over`;
    const recipe = pointRecipe({ value, clash }, settingsOf(over, values), place, valuesText(values));
    const name = folderName(values, names);
    return { values, recipe, name };
  });
}

interface Base {
  readonly value: unknown;
  /** What does not go together in it: its points may be other there. */
  readonly clash?: Clash;
}

function clashIn(text: string, name: string): Clash | undefined {
  try {
    parseRecipe(text, name);
    return undefined;
  } catch (error) {
    if (error instanceof Clash) return error;
    throw error;
  }
}

function pointRecipe(base: Base, settings: [string, unknown][], place: string, values: string): FinetuneRecipe {
  let written = base.value;
  for (const [key, value] of settings)
    written = withValue(written, key.split('.'), value, (found, part) => {
      throw noPlace(found, part, `${place}: ${key}`);
    });
  try {
    return parseRecipe(JSON.stringify(written, null, 2), 'point') as FinetuneRecipe;
  } catch (error) {
    if (!(error instanceof HumanError)) throw error;
    if (base.clash?.message === error.message) throw base.clash;
    const key = /^point:\d+ (.+)$/.exec(error.place ?? '')?.[1];
    throw new HumanError(error.message, {
      place: [`${place}: ${values}`, key].filter(Boolean).join(' → '),
      remedy: error.remedy,
    });
  }
}

/** Why a key cannot be set where the base has this. */
const noPlace = (found: unknown, part: string, place: string): HumanError =>
  Array.isArray(found)
    ? new HumanError(`the list has ${found.length} entries, and "${part}" is none of them.`, {
        place,
        remedy: 'Count from 0, or set the whole list.',
      })
    : new HumanError(`the base has ${shown(found)} there, which has no key "${part}".`, {
        place,
        remedy: 'Set the whole key, as { "protection": [false, { "anchor": { "weight": 0.3 } }] }.',
      });

const MOST_CHARACTERS = 80;

/** "learningRate-0.003_protection-true_seed-1"; with a hash where that does not tell it from all others. */
function folderName(values: SweepValues, names: Map<string, string>): string {
  let plain = true;
  const parts = Object.entries(values).map(([key, value]) => {
    const text = typeof value === 'object' && value !== null ? '' : String(value);
    if (!/^[A-Za-z0-9][A-Za-z0-9.+-]*$/.test(text)) plain = false;
    return `${axisName(key)}-${text}`.replace(/[^A-Za-z0-9.+-]+/g, '-').replace(/-+$/, '');
  });
  const whole = parts.join('_');
  const name = whole.slice(0, MOST_CHARACTERS).replace(/[.-]+$/, '');
  const all = canonical(values);
  const known = names.get(name.toLowerCase());
  const isFree = plain && name === whole && (known === undefined || known === all);
  if (isFree) names.set(name.toLowerCase(), all);
  return isFree ? name : `${name}_${sha256(all).slice(0, 8)}`;
}
