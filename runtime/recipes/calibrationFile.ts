/** calibration.json beside a vector: what it says of rows that it was not trained on. */
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { adapterFolder, CONFIG_FILE, readAdapter, scalesHash, WEIGHTS_FILE } from '../adapters/files.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { safeParse } from '../contract/safeParse.js';
import { FEWEST_ORDINARY, type Calibration } from '../evaluation/scan/calibration.js';
import type { Scores } from '../evaluation/scan/scores.js';
import { HumanError } from '../support/errors.js';
import { promptCount } from '../data/byPrompt.js';
import type { ExampleList } from '../data/exampleList.js';
import { sha256File, writeFileAtomic } from '../support/files.js';
import { readOptionalJson } from '../support/jsonFile.js';

/** A row is [share, span, share of the span]; earlier versions wrote no third number. */
const row = z.tuple([z.number(), z.number(), z.number().optional()]);
const schema = z.object({
  version: z.literal(1),
  /** SHA-256 of the weights that gave these scores. */
  adapter: z.string(),
  /** Hash of the factors of its layers. */
  scales: z.string(),
  ordinary: z.array(row).max(100_000),
  /** How many prompts the ordinary ones have; earlier versions wrote none. */
  ordinaryPrompts: z.number().int().nonnegative().optional(),
  harmful: z.array(row).max(100_000),
});

/** A file of the run that made an adapter, which is named by its run folder or by adapter/ in it. */
export const beside = (path: string, file: string): string =>
  join(basename(path) === RUN_FILES.adapter ? dirname(path) : path, file);

const numbers = ({ share, span, spanShare }: Scores): z.infer<typeof row> =>
  spanShare === undefined ? [share, span] : [share, span, spanShare];
const scores = ([share, span, spanShare]: z.infer<typeof row>): Scores => ({
  share,
  span,
  ...(spanShare !== undefined && { spanShare }),
});

export async function writeCalibration(
  folder: string,
  { ordinary, ordinaryPrompts, harmful }: Calibration,
  { adapter, scales }: { adapter: string; scales: string },
): Promise<void> {
  const content: z.infer<typeof schema> = {
    version: 1,
    adapter,
    scales,
    ordinary: ordinary.map(numbers),
    ordinaryPrompts,
    harmful: harmful.map(numbers),
  };
  await writeFileAtomic(join(folder, RUN_FILES.calibration), `${JSON.stringify(content)}\n`);
}

/** Undefined where there is none. @param path the vector's run, or adapter/ in it */
export async function readCalibration(
  path: string,
): Promise<(Calibration & { readonly adapter: string; readonly scales: string }) | undefined> {
  const file = beside(path, RUN_FILES.calibration);
  const json = await readOptionalJson(file);
  if (json === undefined) return undefined;
  const read = safeParse(schema, json);
  if (!read.success)
    throw new HumanError("this is not a vector's calibration.", { place: file, remedy: 'Train the vector again.' });
  const { ordinary, harmful, ...rest } = read.data;
  return { ...rest, ordinary: ordinary.map(scores), harmful: harmful.map(scores) };
}

type Scaled = readonly { path: string; scale: number }[];

/** What a vector held out was scored with it alone, at scale 1. */
export const heldOutCounts = (vectors: Scaled): boolean => vectors.length === 1 && vectors[0].scale === 1;

/**
 * What the rows of a file are compared with: rows that the vector held out where these count, and further ordinary rows.
 * @param vectors run folders, and the scales that they are scanned with
 * @returns undefined without any ordinary rows
 */
export async function calibrationOf(
  vectors: Scaled,
  { ordinary, score }: { ordinary?: ExampleList; score: (rows: ExampleList) => Promise<Scores[]> },
): Promise<Calibration | undefined> {
  const [vector] = vectors;
  const own = heldOutCounts(vectors) ? await readCalibration(vector.path) : undefined;
  if (own) {
    const refused = (why: string): HumanError =>
      new HumanError(`the calibration beside this vector belongs to ${why}.`, {
        place: beside(vector.path, RUN_FILES.calibration),
        remedy: 'Train the vector again, or copy its whole run folder.',
      });
    if (own.adapter !== (await sha256File(join(await adapterFolder(vector.path), WEIGHTS_FILE))))
      throw refused('other weights');
    if (own.scales !== scalesHash(await readAdapter(vector.path)))
      throw refused(`these weights at another scale ("lora_alpha" of ${CONFIG_FILE})`);
  }
  const further = ordinary ? await score(ordinary) : [];
  const all = [...(own?.ordinary ?? []), ...further];
  if (all.length < FEWEST_ORDINARY) return undefined;
  const kept = own ? own.ordinaryPrompts : 0;
  return {
    ordinary: all,
    ...(kept !== undefined && { ordinaryPrompts: kept + (ordinary ? promptCount(ordinary) : 0) }),
    harmful: own?.harmful ?? [],
  };
}
