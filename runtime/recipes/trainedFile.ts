/**
 * trained.json beside a vector: what it was trained on, by name, so that one that continues it does not hold that out,
 * and no verdict rests on it.
 */
import { join } from 'node:path';
import * as z from 'zod';
import { RUN_FILES } from '../contract/runFiles.js';
import { safeParse } from '../contract/safeParse.js';
import { questionsOf } from '../data/askedBy.js';
import type { ExampleList } from '../data/exampleList.js';
import { HumanError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { readOptionalJson } from '../support/jsonFile.js';
import { beside } from './calibrationFile.js';

const schema = z.object({ version: z.literal(2), trained: z.array(z.string()) });

/** @param before what the vector that it continues was trained on */
export async function writeTrained(
  folder: string,
  lists: readonly ExampleList[],
  before: ReadonlySet<string>,
): Promise<void> {
  const trained = new Set(before);
  for (const examples of lists)
    for (const example of examples) for (const name of questionsOf(example)) trained.add(name);
  const content: z.infer<typeof schema> = { version: 2, trained: [...trained] };
  await writeFileAtomic(join(folder, RUN_FILES.trained), `${JSON.stringify(content)}\n`);
}

/** Undefined where it is not known. @param path the vector's run, or adapter/ in it */
export async function readTrained(path: string): Promise<ReadonlySet<string> | undefined> {
  const file = beside(path, RUN_FILES.trained);
  const json = await readOptionalJson(file);
  if (json === undefined) return undefined;
  const read = safeParse(schema, json);
  if (!read.success)
    throw new HumanError('this does not say what a vector was trained on.', {
      place: file,
      remedy: 'Train the vector again, or remove the file: then nothing is held out of a training that continues it.',
    });
  return new Set(read.data.trained);
}
