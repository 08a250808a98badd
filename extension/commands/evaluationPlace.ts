import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import type { Run } from '../runs/run.js';
import type { Services } from '../services/services.js';

/** What makes an evaluation another one: whoever evaluates the same again takes the place of what was there. */
interface Evaluation {
  model: string;
  sets: readonly { file: string; measure: string }[];
}

export interface EvaluationPlace {
  /** The folder of the workspace that it lies in. */
  root: string;
  name: string;
  output: string;
  /** The same evaluation stands there. */
  replace: boolean;
}

export const shortHash = (...parts: unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 8);

/**
 * `reports/NAME`; where another evaluation is there, or on its way there, a name that no other has.
 * @throws HostError where the same evaluation is going on: its recipe must stay as it is
 */
export async function evaluationPlace(
  { runner, store }: Pick<Services, 'runner' | 'store'>,
  root: string,
  name: string,
  evaluation: Evaluation,
): Promise<EvaluationPlace> {
  const own = identityOf(evaluation);
  for (let i = 0; ; i++) {
    const tried = [name, i > 0 && shortHash(own), i > 1 && String(i)].filter(Boolean).join('-');
    const output = join(root, 'reports', tried);
    // What cannot be read is not this evaluation either.
    const standing = await store.open(output).catch(() => null);
    if (standing === null || (standing && identityOfRun(standing) !== own)) continue;
    if (isBusy(runner, output))
      throw inputError(t('this run is going on already.'), { place: output, remedy: t('Stop it first, or open it.') });
    return { root, name: tried, output, replace: standing !== undefined };
  }
}

/** A run writes to the folder, or waits to. */
export const isBusy = (runner: Pick<Services['runner'], 'has'>, output: string): boolean =>
  runner.has(output) || runner.has(join(output, RUN_FILES.next));

const identityOf = ({ model, sets }: Evaluation): string =>
  JSON.stringify([model, ...sets.map(({ file, measure }) => JSON.stringify([file, measure])).sort()]);

const identityOfRun = ({ recipe }: Run): string | undefined =>
  recipe?.kind === 'evaluate' && recipe.model !== undefined
    ? identityOf({ model: recipe.model, sets: recipe.evaluate })
    : undefined;
