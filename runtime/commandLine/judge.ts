import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseJsonc, secondKey, secondKeyText } from '../contract/jsonc.js';
import { judgeSchema, type JudgeChoice } from '../contract/recipeJudges.js';
import { safeParse } from '../contract/safeParse.js';
import { HumanError } from '../support/errors.js';

/**
 * A judge as it is named after --judge: refusal-phrases, JSON, or a file with it, whose paths are relative to it.
 * @throws HumanError
 */
export async function readJudge(given: string): Promise<JudgeChoice> {
  const isFile = /\.jsonc?$/.test(given);
  const text = isFile ? await readFile(given, 'utf8') : given;
  const { value, fault } = given === 'refusal-phrases' ? { value: given, fault: undefined } : parseJsonc(text);
  const second = fault ? undefined : secondKey(text);
  const read = safeParse(judgeSchema, value);
  if (fault || second || !read.success) {
    const what = fault ? 'this is not JSON' : second ? secondKeyText(second) : read.error!.issues[0].message;
    throw new HumanError(`${what}.`, {
      place: isFile ? given : `--judge ${given}`,
      remedy: 'Write it as in the list "judges" of a recipe; see docs/recipes.md.',
    });
  }
  const { data } = read;
  if (typeof data !== 'object' || !('classifier' in data)) return data;
  return { ...data, classifier: resolve(isFile ? dirname(given) : '.', data.classifier) };
}
