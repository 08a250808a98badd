/**
 * trained.json beside a vector: what it was trained on, by name, so that one that continues it does not hold that out,
 * and no verdict rests on it; and which languages its harmful rows are in.
 */
import { join } from 'node:path';
import * as z from 'zod';
import { RUN_FILES } from '../../contract/runFiles.js';
import { safeParse } from '../../contract/safeParse.js';
import { questionsOf } from '../../data/askedBy.js';
import type { ExampleList } from '../../data/exampleList.js';
import type { Languages } from '../../data/languages.js';
import { HumanError } from '../../support/errors.js';
import { writeFileAtomic } from '../../support/files.js';
import { readOptionalJson } from '../../support/jsonFile.js';
import { beside } from './calibrationFile.js';

const schema = z.object({
  version: z.literal(2),
  trained: z.array(z.string()),
  /** Harmful rows by language; absent where those of the vector that it continues are not known. */
  languages: z.record(z.string(), z.int().min(1)).optional(),
});

/**
 * @param before what the vector that it continues was trained on
 * @param languages of all harmful rows, if they are known
 */
export async function writeTrained(
  folder: string,
  lists: readonly ExampleList[],
  before: ReadonlySet<string>,
  languages?: Languages,
): Promise<void> {
  const trained = new Set(before);
  for (const examples of lists)
    for (const example of examples) for (const name of questionsOf(example)) trained.add(name);
  const content: z.infer<typeof schema> = {
    version: 2,
    trained: [...trained],
    ...(languages && { languages: Object.fromEntries(languages) }),
  };
  await writeFileAtomic(join(folder, RUN_FILES.trained), `${JSON.stringify(content)}\n`);
}

/** Undefined where it is not known. @param path the vector's run, or adapter/ in it */
export async function readTrained(path: string): Promise<ReadonlySet<string> | undefined> {
  const content = await read(path);
  return content && new Set(content.trained);
}

/** Harmful rows by language; undefined where they are not known. @param path as above */
export async function readLanguages(path: string): Promise<Languages | undefined> {
  const { languages } = (await read(path)) ?? {};
  return languages && new Map(Object.entries(languages));
}

async function read(path: string): Promise<z.infer<typeof schema> | undefined> {
  const file = beside(path, RUN_FILES.trained);
  const json = await readOptionalJson(file);
  if (json === undefined) return undefined;
  const checked = safeParse(schema, json);
  if (!checked.success)
    throw new HumanError('this does not say what a vector was trained on.', {
      place: file,
      remedy: 'Train the vector again, or remove the file: then nothing is held out of a training that continues it.',
    });
  return checked.data;
}
