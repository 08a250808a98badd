/** `sweep.json` as it is read: another program may have written it, or a disk damaged it. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { RUN_FILES } from '../contract/runFiles.js';
import { safeParse } from '../contract/safeParse.js';
import { overOf, type SweepFile, type SweepPoint } from '../contract/sweep.js';
import { MEASURES } from '../contract/table.js';
import { HumanError } from '../support/errors.js';
import { readOptionalJson, shown } from '../support/jsonFile.js';

/** What is read of it; where the folders of its points lie is looked at apart. */
const measurement = z.object({
  state: z.string(),
  name: z.string(),
  measure: z.custom((word) => typeof word === 'string' && Object.hasOwn(MEASURES, word)),
  judge: z.string(),
  // no finite number is written as null
  value: z.number().nullable(),
  count: z.number(),
});
const point = z.object({
  values: z.record(z.string(), z.unknown()),
  verdict: z.string(),
  measurements: z.array(measurement),
  seconds: z.number(),
  warnings: z.array(z.object({ message: z.string(), place: z.string().optional() })).optional(),
});
const schema = z.object({
  version: z.literal(1),
  over: z.custom((over) => overOf({ over }) !== undefined),
  of: z.number(),
  points: z.array(point),
});

/** As it is written; what comes from elsewhere may be none, or no text. */
const POINT = new RegExp(`^${RUN_FILES.points}/(?!\\.\\.?$)[^/\\\\]+$`);
const remedy = 'Resume the sweep: it writes its table anew.';

/**
 * The table of a sweep with absolute folders; undefined where there is none yet, or only that of an earlier grid. A
 * point whose run was deleted since is not in it: it is not done, and a resume runs it again.
 * @throws HumanError where it is damaged, or names another folder than one in `points/`: what reads it writes there
 */
export async function readTable(path: string): Promise<SweepFile | undefined> {
  const place = join(path, RUN_FILES.sweep);
  const found = await readOptionalJson(place);
  if (!found) return undefined;
  const recipe = await readOptionalJson(join(path, RUN_FILES.recipe));
  if (recipe && JSON.stringify(recipe.over) !== JSON.stringify(found.over)) return undefined;
  const { error } = safeParse(schema, found);
  if (error)
    throw new HumanError('the table of the sweep is damaged, or of another version.', {
      place: `${place}: ${error.issues[0].path.join('.')}`,
      remedy,
    });
  const file = found as unknown as SweepFile;
  const foreign = file.points.findIndex(({ folder }) => !POINT.test(folder));
  if (foreign >= 0)
    throw new HumanError(
      `the table of the sweep names a folder that is none of its points: ${shown(file.points[foreign].folder)}.`,
      { place: `${place}: points.${foreign}.folder`, remedy },
    );
  const points = file.points.map((one) => ({ ...one, folder: resolve(path, one.folder) }));
  const isThere = ({ folder, error }: SweepPoint) =>
    error !== undefined || existsSync(join(folder, RUN_FILES.manifest));
  return { ...file, points: points.filter(isThere) };
}
