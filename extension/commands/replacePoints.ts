import type { Run } from '../runs/run.js';
import type { Services } from '../services/services.js';
import { recipeOf } from './runs.js';

/** Runs a sweep whose finished points would be others now: those are replaced, each when its new run is done. */
export async function replacePoints(
  services: Pick<Services, 'assertTrusted' | 'recipes' | 'runner' | 'store'>,
  { folder }: Run,
): Promise<void> {
  services.assertTrusted();
  const more = { output: folder, resume: true, replace: true };
  await services.runner.start(await recipeOf(services, folder), more);
}
