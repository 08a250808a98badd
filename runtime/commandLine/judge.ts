import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseJsonc, secondKey, secondKeyText } from '../contract/jsonc.js';
import { judgeSchema, type JudgeChoice } from '../contract/recipeJudges.js';
import { safeParse } from '../contract/safeParse.js';
import { MAX_BYTES } from '../recipes/reading/readRecipe.js';
import { HumanError } from '../support/errors.js';
import { readText } from '../support/jsonFile.js';

const isJudgeFile = (given: string): boolean => /\.jsonc?$/.test(given);
const shownJudge = (given: string): string => (isJudgeFile(given) ? given : `--judge ${given}`);

/** A place among further judges (`judges.0.token`), as these were given: "judge.json: token". */
export const judgePlace = (place: string | undefined, given: readonly string[]): string | undefined =>
  place?.replace(/^judges(?:\.(\d+))?(?:\.(.+))?$/, (_, i?: string, key?: string) =>
    [i === undefined ? '--judge' : shownJudge(given[Number(i)] ?? ''), ...(key ? [key] : [])].join(': '),
  );

/**
 * A judge as it is named after --judge: refusal-phrases, JSON, or a file with it, whose paths are relative to it.
 * @throws HumanError
 */
export async function readJudge(given: string): Promise<JudgeChoice> {
  const isFolder = await stat(given).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder)
    throw new HumanError('this is a folder; a judge was expected.', {
      place: shownJudge(given),
      remedy: 'Name a .json file, or write {"classifier": "FOLDER", "refused": "LABEL"}; see docs/recipes.md.',
    });
  const isFile = isJudgeFile(given);
  const text = isFile ? await readText(given, MAX_BYTES) : given;
  const { value, fault } = given === 'refusal-phrases' ? { value: given, fault: undefined } : parseJsonc(text);
  const second = fault ? undefined : secondKey(text);
  const read = safeParse(judgeSchema, value);
  if (fault || second || !read.success) {
    const what = fault ? 'this is not JSON' : second ? secondKeyText(second) : read.error!.issues[0].message;
    throw new HumanError(`${what}.`, {
      place: shownJudge(given),
      remedy: 'Write it as in the list "judges" of a recipe; see docs/recipes.md.',
    });
  }
  const { data } = read;
  if (typeof data !== 'object' || !('classifier' in data)) return data;
  return { ...data, classifier: resolve(isFile ? dirname(given) : '.', data.classifier) };
}
