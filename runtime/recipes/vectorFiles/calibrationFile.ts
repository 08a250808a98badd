/** calibration.json beside a vector: what it says of rows that it was not trained on. */
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { PRECISIONS, type Precision } from '../../contract/recipeWords.js';
import { RUN_FILES } from '../../contract/runFiles.js';
import { safeParse } from '../../contract/safeParse.js';
import type { HeldOutCalibration } from '../../evaluation/scan/calibration.js';
import type { Scores } from '../../evaluation/scan/scores.js';
import { HumanError } from '../../support/errors.js';
import { writeFileAtomic } from '../../support/files.js';
import { readOptionalJson } from '../../support/jsonFile.js';

/** What helps a vector that finds little, whichever the cause. */
export const MORE_ROWS = 'Train the vector on more, and more varied, rows of both kinds ("harmful", "benign").';

/** A row is [share, span, share of the span, KL, choice]; earlier versions kept no choice. */
const row = z.tuple([z.number(), z.number(), z.number(), z.number(), z.number().optional()]);
const schema = z.object({
  version: z.literal(1),
  /** SHA-256 of the weights that gave these scores. */
  adapter: z.string(),
  /** Hash of the factors of its layers. */
  scales: z.string(),
  /** How the base model's weights were held. */
  precision: z.enum(PRECISIONS),
  ordinary: z.array(row).max(100_000),
  ordinaryPrompts: z.number().int().nonnegative(),
  ordinaryNames: z.array(z.string()).max(1_000_000),
  harmful: z.array(row).max(100_000),
  /** A linear probe, and what it says of these rows; of a vector without ordinary rows, and of an earlier version, none. */
  probe: z
    .object({
      weights: z.array(z.number()).max(1_000_000),
      bias: z.number(),
      ordinary: z.array(z.number()).max(100_000),
      harmful: z.array(z.number()).max(100_000),
    })
    .optional(),
});

/** A file of the run that made an adapter, which is named by its run folder or by adapter/ in it. */
export const beside = (path: string, file: string): string =>
  join(basename(path) === RUN_FILES.adapter ? dirname(path) : path, file);

const numbers = ({ share, span, spanShare, kl, choice }: Scores): z.infer<typeof row> => {
  if (kl === undefined || choice === undefined)
    throw new Error('internal: a calibration keeps rows that were compared with the base');
  return [share, span, spanShare, kl, choice];
};
const said = ({ probe }: Scores): number => {
  if (probe === undefined) throw new Error('internal: a calibration with a probe keeps rows that it was asked about');
  return probe;
};
const scores = ([share, span, spanShare, kl, choice]: z.infer<typeof row>): Scores => ({
  share,
  span,
  spanShare,
  kl,
  ...(choice !== undefined && { choice }),
});

export async function writeCalibration(
  folder: string,
  { ordinary, ordinaryPrompts, ordinaryNames, harmful, probe }: HeldOutCalibration,
  given: { adapter: string; scales: string; precision: Precision },
): Promise<void> {
  const content: z.infer<typeof schema> = {
    version: 1,
    ...given,
    ordinary: ordinary.map(numbers),
    ordinaryPrompts,
    ordinaryNames: [...ordinaryNames],
    harmful: harmful.map(numbers),
    ...(probe && {
      probe: {
        weights: Array.from(probe.weights, (weight) => Number(weight.toPrecision(7))),
        bias: probe.bias,
        ordinary: ordinary.map(said),
        harmful: harmful.map(said),
      },
    }),
  };
  await writeFileAtomic(join(folder, RUN_FILES.calibration), `${JSON.stringify(content)}\n`);
}

type Kept = HeldOutCalibration & { readonly adapter: string; readonly scales: string; readonly precision: Precision };

/** Undefined where there is none. @param path the vector's run, or adapter/ in it */
export async function readCalibration(path: string): Promise<Kept | undefined> {
  const file = beside(path, RUN_FILES.calibration);
  const json = await readOptionalJson(file);
  if (json === undefined) return undefined;
  const read = safeParse(schema, json);
  const isWhole = ({ probe, ordinary, harmful }: z.infer<typeof schema>): boolean =>
    !probe || (probe.ordinary.length === ordinary.length && probe.harmful.length === harmful.length);
  if (!read.success || !isWhole(read.data))
    throw new HumanError("this is not a vector's calibration.", { place: file, remedy: 'Train the vector again.' });
  const { ordinary, harmful, probe, ...rest } = read.data;
  const all = (rows: readonly z.infer<typeof row>[], kind: 'ordinary' | 'harmful'): Scores[] =>
    rows.map((one, i) => ({ ...scores(one), ...(probe && { probe: probe[kind][i] }) }));
  return {
    ...rest,
    ordinary: all(ordinary, 'ordinary'),
    harmful: all(harmful, 'harmful'),
    ...(probe && { probe: { weights: Float32Array.from(probe.weights), bias: probe.bias } }),
  };
}
