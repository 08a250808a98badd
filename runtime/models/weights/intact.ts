import { stat } from 'node:fs/promises';
import { HumanError } from '../../support/errors.js';
import type { ModelFolder } from './modelFolder.js';

/**
 * Weights are mapped, not copied: a file that is changed while it is in use changes the model, and one that is cut off
 * ends the process (SIGBUS). The check costs a look at each weight file's size and time.
 * @returns a check that throws a HumanError naming the file that is not as it was now
 */
export async function watchWeights({
  tensors,
  beside = tensors,
  packed,
}: Pick<ModelFolder, 'tensors' | 'beside' | 'packed'>): Promise<() => Promise<void>> {
  const files = [...new Set([...beside.values(), ...(packed?.values() ?? [])].map(({ file }) => file))];
  const stamp = async (file: string): Promise<string | undefined> =>
    stat(file).then(
      ({ size, mtimeMs, ino }) => `${size} ${mtimeMs} ${ino}`,
      () => undefined,
    );
  const before = await Promise.all(files.map(stamp));
  return async () => {
    const now = await Promise.all(files.map(stamp));
    const i = now.findIndex((each, n) => each !== before[n]);
    if (i < 0) return;
    const what = now[i] === undefined ? 'removed' : 'changed';
    throw new HumanError(`the model's file was ${what} while it was in use.`, {
      kind: 'failed',
      place: files[i],
      remedy: 'Nothing that was computed since can be trusted. Put the file back and start the run over.',
    });
  };
}
