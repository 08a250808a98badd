import { basename, dirname, join, relative, sep } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { applyEdits, modify } from 'jsonc-parser';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { recipeSchema } from '../../runtime/contract/recipe.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { exists, parseJson, readText } from '../host/checkedFile.js';
import { firstFree } from '../host/paths.js';
import { inputError } from '../host/errors.js';
import { replaceFile } from '../host/state.js';
import { t } from '../host/text.js';
import { adapterFacts } from './adapterFiles.js';
import { canResume, placeOf, sweepOf, type Run } from './run.js';

interface WrittenCopy {
  file: string;
  /** Its run folder. */
  output: string;
}

type Edit = [path: string[], value: unknown];

/** Writes the recipe that was run beside its file, under a free name and with a free output folder. */
export const copyOfRecipe = (run: Run, name?: string): Promise<WrittenCopy> => writeCopy(run, name ?? '', () => []);

/**
 * The adapter of a run that a longer one goes on from.
 * @throws HostError where there is nothing to go on from
 */
export async function adapterToGoOn(run: Run): Promise<string> {
  const place = run.folder;
  if (run.recipe?.raw['method'] === 'full')
    throw inputError(t('a fully fine-tuned model has no adapter to go on from.'), {
      place,
      remedy: t('Run a copy of its recipe with more epochs.'),
    });
  if (run.progress.state !== 'finished' || !run.result || !(await adapterFacts(run.result)))
    throw inputError(t('this run has no finished adapter to go on from.'), {
      place,
      remedy: canResume(run) ? t('Resume it, or run it again.') : t('Run its recipe again.'),
    });
  await recipeOf(run);
  return run.result;
}

/** Writes a recipe that goes on from the adapter of a run (`adapter.init`) for so many more epochs or steps. */
export async function longerRecipe(
  run: Run,
  length: 'epochs' | 'steps',
  more: number,
  name?: string,
): Promise<WrittenCopy> {
  const from = await adapterToGoOn(run);
  return writeCopy(run, name ?? `${basename(run.folder)}-longer`, (folder) => [
    [['adapter'], { init: slashed(relative(folder, from)) }],
    [['epochs'], length === 'epochs' ? more : undefined],
    [['steps'], length === 'steps' ? more : undefined],
  ]);
}

/** @param name '': that of the recipe, with the next free number. */
async function writeCopy(run: Run, name: string, edits: (folder: string) => Edit[]): Promise<WrittenCopy> {
  const { text, file } = await recipeOf(run);
  const folder = dirname(file);
  const stem = name || basename(file, '.json').replace(/-\d+$/, '');
  const above = dirname(wholeOf(run));
  const free = await firstFree(
    stem,
    async (one) => (await exists(join(folder, `${one}.json`))) || (await exists(join(above, one))),
  );
  const copy = { file: join(folder, `${free}.json`), output: join(above, free) };
  const all: Edit[] = [...edits(folder), [['output'], slashed(relative(folder, copy.output))]];
  const formattingOptions = { insertSpaces: true, tabSize: 2 };
  const changed = all.reduce(
    (now, [path, value]) => applyEdits(now, modify(now, path, value, { formattingOptions })),
    text,
  );
  await replaceFile(copy.file, changed);
  return copy;
}

/** The folder of what a run is a part of, and goes to the trash with: its sweep, or the run that it replaces. */
const wholeOf = (run: Run): string => placeOf(sweepOf(run) ?? run.folder);

/**
 * What was run. The file that it was started from, with its comments, where that still says the same; else the copy in
 * the run folder, which has all defaults filled in.
 */
async function recipeOf({ folder, manifest, recipe }: Run): Promise<{ text: string; file: string }> {
  const own = await readText(join(folder, RUN_FILES.recipe));
  const file = manifest?.recipe ?? recipe?.file;
  if (own === undefined || file === undefined || !(await exists(dirname(file))))
    throw inputError(t('the recipe of this run is gone.'), {
      place: file ?? folder,
      remedy: t('Its paths are relative to its original folder.'),
    });
  const written = await readText(file);
  return { text: written !== undefined && sameRecipe(written, own) ? written : own, file };
}

function sameRecipe(written: string, own: string): boolean {
  const [a, b] = [written, own].map((text) => {
    const { data } = safeParse(recipeSchema, parseJson(text).value);
    return data && { ...data, $schema: undefined, output: undefined };
  });
  return a !== undefined && isDeepStrictEqual(a, b);
}

const slashed = (path: string): string => path.split(sep).join('/');
