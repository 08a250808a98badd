/**
 * Judges kept answers once more, by further judges and by what people have said of them: of a finished run, or of a
 * sweep.
 */
import { resolve } from 'node:path';
import { finishReplacement, noRun, readManifest } from '../runs/output.js';
import { HumanError } from '../support/errors.js';
import { judgeRun, type Params, type Result } from './judgeRun.js';
import { judgeSweep, tableAfter } from './judgeSweep.js';
import type { Reporter } from './reporter.js';

/**
 * What was judged until then is kept when the signal fires. The table of a sweep follows its points. A replacement of
 * the run that was cut off is completed first.
 * @throws HumanError for a folder without a finished run or without answers, a judge that cannot be used, and an answer
 * that is not there; nothing is changed then
 */
export async function judgeAgain(params: Params, reporter: Reporter): Promise<Result> {
  const folder = resolve(params.run);
  await finishReplacement(folder);
  const manifest = await readManifest(folder);
  if (!manifest) throw noRun(folder);
  if (manifest.kind === 'sweep') return judgeSweep(folder, params, reporter);
  if (manifest.kind !== 'finetune' && manifest.kind !== 'evaluate')
    throw new HumanError(`a ${manifest.kind} has no answers to judge.`, {
      place: folder,
      remedy: 'Evaluate a model first.',
    });
  if (manifest.outcome !== 'finished')
    throw new HumanError('this run is not finished.', { place: folder, remedy: 'Resume it, or run it again.' });
  const run = async (): Promise<Result> => {
    const { samples: _, ...result } = await judgeRun(folder, params, reporter);
    return result;
  };
  return manifest.point ? tableAfter(folder, reporter, run) : run();
}
