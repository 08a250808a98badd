import { baselineOf } from '../../runtime/contract/baselines.js';
import paths, { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import {
  clusterFacts,
  holdsUses,
  RECIPE_KEYS,
  recipeFacts as readFacts,
  recipeOutput,
  secretsOfJudges,
  usesOf,
  type EvaluationFacts,
  type RecipeFacts as WrittenFacts,
  saysKind,
} from '../../runtime/contract/recipeFacts.js';
import { isHubName } from '../../runtime/contract/hubName.js';
import { manifestSchema } from '../../runtime/contract/manifest.js';
import { RECIPE_KINDS, recipeInputs } from '../../runtime/contract/recipeInputs.js';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { secondKey } from '../../runtime/contract/jsonc.js';
import { overOf, pointCount, pointsOf, settingsOf, withValue, type Over } from '../../runtime/contract/sweep.js';
import { exists, parseJson, readJson, readText, unreadable } from '../host/checkedFile.js';
import { inputError, type HostError } from '../host/errors.js';
import { editorPath } from '../host/paths.js';
import { t } from '../host/text.js';

/** What the host knows of a recipe, with absolute paths. */
export interface RecipeFacts extends WrittenFacts {
  /** The recipe file. */
  file: string;
}

/**
 * Reads a recipe's text; undefined when it is none (other JSON, or not enough of a recipe yet).
 * @param folder what its paths are relative to; undefined in a run folder that does not say where its recipe was.
 */
export function recipeFacts(text: string, file: string, folder?: string): RecipeFacts | undefined {
  return factsOf(parseJson(text).value, file, folder);
}

function factsOf(json: unknown, file: string, folder = dirname(file)): RecipeFacts | undefined {
  const facts = readFacts(json, pathsFrom(folder));
  return facts && { file, ...facts };
}

/** Paths of a recipe as absolute ones, as the editor has them; names of the Hub stay. */
export const pathsFrom =
  (folder: string, at = paths) =>
  (path: string): string =>
    isHubName(path) ? path : editorPath(at.isAbsolute(path) ? path : at.resolve(folder, path), at);

/**
 * The folder that paths of a run folder's recipe are relative to, when only its own output shows it: output
 * `../vectors/a` of `/w/vectors/a` is relative to a folder in `/w`, and so is `../train.jsonl`, whatever its name is.
 */
export function guessedBase(text: string, runFolder: string): string | undefined {
  const output = recipeOutput(parseJson(text).value);
  if (!output || isAbsolute(output)) return undefined;
  const parts = output.split(/[\\/]+/).filter((part) => part && part !== '.');
  const up = parts.filter((part) => part === '..').length;
  const down = parts.length - up;
  return resolve(runFolder, ...Array.from({ length: down }, () => '..'), ...Array.from({ length: up }, () => '_'));
}

/** Reads a recipe that is to run. Throws with the line of the first fault. */
export function requireRecipe(text: string, file: string): RecipeFacts {
  const { value, fault = secondKeyOf(text) } = parseJson(text);
  if (fault) throw unreadable(`${file}:${fault.line}`, fault.message, t('Correct the line and run again.'));
  const facts = factsOf(value, file);
  if (!facts) throw noRecipe(file);
  return facts;
}

/** As the engine refuses it. */
function secondKeyOf(text: string): { line: number; message: string } | undefined {
  const found = secondKey(text);
  return found && { line: found.line, message: t('the key "{0}" appears twice here.', found.key) };
}

/** How a file is measured: where any recipe measures harm on it, it is a set of harmful prompts, and only that. */
export function setFor(file: string, recipes: readonly RecipeFacts[]): EvaluationFacts | undefined {
  const sets = recipes.flatMap(({ evaluate }) => evaluate.filter((set) => set.file === file));
  return sets.find(({ measure }) => measure === 'harm') ?? sets[0];
}

/**
 * A sweep computes where its points do, and uses what they use, the secrets of their judges too: those are asked for
 * once.
 */
export async function withBase(facts: RecipeFacts): Promise<RecipeFacts> {
  const [base] = facts.kind === 'sweep' ? recipeInputs({ ...facts.raw, kind: facts.kind }, 'recipe') : [];
  if (!base) return facts;
  const file = resolve(dirname(facts.file), base.path);
  const text = await readText(file).catch(() => undefined);
  const found = text === undefined ? undefined : recipeFacts(text, file);
  if (!found) return facts;
  const over = overOf(facts.raw) ?? {};
  const { kind } = found;
  const points = pointsThat(holdsUses, found, over);
  const uses = points?.flatMap((point) => usesOf({ ...point, kind }, pathsFrom(dirname(file)))) ?? found.uses;
  const judged = pointsThat((key) => /^judges(\.|$)/.test(key), found, over) ?? [found.raw];
  const judgeSecrets = secretsOfJudges(
    judged.flatMap(({ judges }) => (Array.isArray(judges) ? (judges as unknown[]) : [])),
  );
  const placed = pointsThat((key) => /^on(\.|$)/.test(key), found, over) ?? [found.raw];
  const { cluster } = clusterFacts(placed.map(({ on }) => on));
  return { ...facts, uses: [...new Set(uses)], cluster, judgeSecrets };
}

/** Nobody tries more models and adapters; a hostile file might. */
const MOST_COMBINATIONS = 1000;

/**
 * The recipes that differ by the keys which are asked for; undefined where there are too many. A setting that has no
 * place in the base changes nothing here: the engine refuses the sweep.
 */
function pointsThat(
  holds: (key: string) => boolean,
  { raw }: RecipeFacts,
  over: Over,
): Record<string, unknown>[] | undefined {
  const varied = Object.fromEntries(
    Object.entries(over).flatMap(([key, axis]): [string, Over[string]][] => {
      if (Array.isArray(axis)) return holds(key) ? [[key, axis]] : [];
      const only = (settings: object): Record<string, unknown> =>
        Object.fromEntries(Object.entries(settings ?? {}).filter(([one]) => holds(one)));
      const named = Object.entries(axis).map(([name, settings]) => [name, only(settings)] as const);
      return named.some(([, settings]) => Object.keys(settings).length > 0) ? [[key, Object.fromEntries(named)]] : [];
    }),
  );
  if (pointCount(varied) > MOST_COMBINATIONS) return undefined;
  return pointsOf(varied).map((values) => {
    const point = settingsOf(varied, values).reduce<unknown>(
      (recipe, [key, value]) => withValue(recipe, key.split('.'), value, (found) => found),
      raw,
    );
    return { ...(point as object) };
  });
}

/** Reads the file of a recipe that is to run. */
export async function recipeToRun(file: string): Promise<RecipeFacts> {
  const text = await readText(file);
  if (text === undefined) throw unreadable(file, t('there is no such file.'), t('Choose another recipe.'));
  await requireNoCopy(file);
  return withBase(requireRecipe(text, file));
}

/** What a recipe said when its run was asked for: what becomes of the run that stands there was decided by that. */
export type AskedRecipe = Pick<RecipeFacts, 'kind' | 'output'>;

/**
 * @throws HostError where a recipe that was changed while its run waited writes to another folder, or is of another
 * kind
 */
export function requireAsked({ file, kind, output }: RecipeFacts, said: AskedRecipe): void {
  if (kind === said.kind && output === said.output) return;
  throw inputError(t('the recipe was changed while it waited: it is now "{0}" and writes to {1}.', kind, output), {
    place: file,
    remedy: t('Run it again.'),
  });
}

/**
 * The file of the recipe that was run. It may be called otherwise by now: then it is the one of the workspace that
 * writes to the same folder.
 * @throws HostError where there is none, or more than one
 */
export async function recipeFileOf(
  { folder, recipe }: { folder: string; recipe?: RecipeFacts },
  recipes: () => readonly RecipeFacts[],
): Promise<string> {
  if (recipe && (await exists(recipe.file))) return recipe.file;
  const alike = recipe ? recipes().filter(({ kind, output }) => kind === recipe.kind && output === recipe.output) : [];
  const [found] = alike;
  if (found && alike.length === 1 && (await exists(found.file))) return found.file;
  throw inputError(t('the recipe of this run is gone.'), {
    place: recipe?.file ?? folder,
    remedy: copyFirst(),
  });
}

const copyFirst = (): string =>
  t(
    'Run "{0}" from the command palette: it writes a recipe that runs from the original folder.',
    t('Copy the recipe of a run'),
  );

/** A run keeps its recipe as it was run, paths and all. */
async function requireNoCopy(file: string): Promise<void> {
  if (basename(file) !== RUN_FILES.recipe) return;
  const run = await readJson(join(dirname(file), RUN_FILES.manifest), manifestSchema).catch(() => undefined);
  if (!run) return;
  throw inputError(t("this is a run's copy of its recipe: its paths are relative to the folder of the original."), {
    place: file,
    remedy: copyFirst(),
  });
}

const noRecipe = (file: string): HostError =>
  unreadable(
    file,
    t('this is not a recipe: it needs "kind" ({0}), "model" and "output".', RECIPE_KINDS.join(', ')),
    t('Add the missing keys; the editor completes them.'),
  );

/**
 * What a file is as a recipe, and what is wrong with it if it is meant to be one: other people's JSON may be anything,
 * also in a folder of that name.
 * @param ours the workspace has been worked with: what is no JSON in its recipes is a recipe that was broken
 */
export function readRecipe(text: string, file: string, ours = false): { facts?: RecipeFacts; problem?: HostError } {
  const { value, fault } = parseJson(text);
  const facts = factsOf(value, file);
  const meant = saysKind(text) || (isRecipesFolder(file) && (hasRecipeKey(value) || (ours && Boolean(fault))));
  if (!meant && !fault?.deep) return { facts };
  const shown = fault ?? secondKeyOf(text);
  if (shown) return { facts, problem: unreadable(`${file}:${shown.line}`, shown.message) };
  return facts ? { facts } : { problem: noRecipe(file) };
}

const hasRecipeKey = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && RECIPE_KEYS.some((key) => Object.hasOwn(value, key));

/** A folder for recipes, as the commands write them. */
export const isRecipesFolder = (file: string): boolean => basename(dirname(file)) === 'recipes';

/** A fine-tuning that nothing protects. */
export const isPlain = (facts: Pick<RecipeFacts, 'kind' | 'vectors' | 'raw'>): boolean =>
  facts.kind === 'finetune' && facts.vectors.length === 0 && baselineOf(facts.raw) === undefined;
