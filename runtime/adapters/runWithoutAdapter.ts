/** Why a run folder has no adapter, and what to do about it. */
import { join } from 'node:path';
import { RUN_FILES } from '../contract/runFiles.js';
import { readManifest } from '../runs/output.js';
import { ownerOf } from '../runs/ownerOf.js';
import { HumanError } from '../support/errors.js';

const RESUME = 'train RECIPE --resume.';

/** @param files names in its folder */
export async function runWithoutAdapter(run: string, files: ReadonlySet<string>): Promise<HumanError> {
  const [message, remedy] = await reason(run, files);
  return new HumanError(`${message}.`, { place: run, remedy });
}

async function reason(run: string, files: ReadonlySet<string>): Promise<[message: string, remedy: string]> {
  if (files.has(RUN_FILES.model))
    return [
      'this run trained the whole model, and has no adapter',
      `Name it as a model: its result is ${join(run, RUN_FILES.model)}.`,
    ];
  const manifest = await readManifest(run);
  if (manifest?.kind === 'evaluate')
    return ['an evaluation has no adapter', 'Name the folder of a vector or of a fine-tuning.'];
  if (manifest?.kind === 'sweep')
    return ['a sweep has no adapter: its points have one each', `Name a run folder in ${join(run, RUN_FILES.points)}.`];
  if (await ownerOf(run)) return ['this run is still at work and has no adapter yet', 'Wait until it has ended.'];
  const isBegun = files.has(RUN_FILES.checkpoint);
  const again = 'Run its recipe again, or name another run.';
  if (manifest?.outcome === 'failed')
    return [
      'this run has failed and has no adapter',
      isBegun ? `Correct what stopped it, and resume it: ${RESUME}` : again,
    ];
  return isBegun
    ? ['this run was stopped before its end and has no adapter yet', `Resume it: ${RESUME}`]
    : ['this run has made no adapter', again];
}
