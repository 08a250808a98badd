import { basename, dirname, resolve } from 'node:path';
import type { Estimate } from '../contract/estimate.js';
import { isTraining } from '../contract/kinds.js';
import type { Requests } from '../contract/protocol.js';
import type { SweepRecipe } from '../contract/recipeSweep.js';
import { secondsLeft } from '../contract/sweepTime.js';
import { estimateTraining, type EstimateOptions, type Expected } from '../estimate/estimate.js';
import { parseRecipe, readRecipe } from '../recipes/reading/readRecipe.js';
import { plannedPoints } from '../recipes/reading/sweepPoints.js';
import { Cancelled } from '../support/errors.js';
import type { Reporter } from './reporter.js';
import { without } from '../support/without.js';

/**
 * What a recipe will take, by its file or by a text that is not saved yet; null for one that trains nothing, or on a
 * cluster.
 */
export async function estimateRecipe(
  { recipe: file, text, device }: Requests['estimate']['params'],
  { signal }: Pick<Reporter, 'signal'>,
): Promise<Estimate | null> {
  const recipe = text === undefined ? (await readRecipe(file)).recipe : parseRecipe(text, basename(file));
  const path = (written: string): string => resolve(dirname(file), written);
  try {
    if (recipe.kind === 'sweep') return await estimateSweep(recipe, file, { device, signal });
    if (!isTraining(recipe) || recipe.on) return null;
    return plain(await estimateTraining(recipe, { path, device, signal }));
  } catch (error) {
    if (signal.aborted) throw new Cancelled();
    throw error;
  }
}

/**
 * From the two ends of the grid: what its axes change of time and memory lies between their first values and their
 * last.
 */
async function estimateSweep(
  sweep: SweepRecipe,
  file: string,
  options: Pick<EstimateOptions, 'device' | 'signal'>,
): Promise<Estimate | null> {
  const path = (written: string): string => resolve(dirname(file), written);
  const points = await plannedPoints(sweep, { file, path });
  if (points.some(({ recipe }) => recipe.on)) return null;
  const base = dirname(path(sweep.base));
  const output = path(sweep.output);
  const ends: Expected[] = [];
  const seconds: number[] = [];
  for (const order of points.length > 1 ? [points, points.toReversed()] : [points]) {
    const end = await estimateTraining(order[0].recipe, {
      ...options,
      output,
      path: (written) => resolve(base, written),
    });
    ends.push(end);
    seconds.push(...end.seconds.map((each) => secondsLeft(order, each)!));
  }
  const [largest] = ends.sort((a, b) => b.peakBytes[1] - a.peakBytes[1] || b.steps - a.steps);
  // Each keeps its checkpoint.
  const others = (points.length - 1) * Math.min(...ends.map(({ written }) => written.kept));
  const disk = largest.disk && { ...largest.disk, bytes: largest.written.most + others };
  const count = points.length > 1 ? { points: points.length } : {};
  return { ...plain(largest), ...count, ...(disk && { disk }), seconds: [Math.min(...seconds), Math.max(...seconds)] };
}

/** Without what only the run needs of it. */
export const plain = (estimate: Expected): Estimate => without(estimate, 'machine', 'model', 'raw', 'written');
