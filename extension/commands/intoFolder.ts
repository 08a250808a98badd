import type { ErrorData } from '../../runtime/contract/errors.js';
import { HostError } from '../host/errors.js';

/**
 * Writes into a folder. Where something would be replaced, the person decides: replace it, or keep both, in `folder-2`
 * or the next number that holds nothing else.
 * @param write fails with the code `exists` for what only `force` replaces.
 * @param ask throws when it is to be left alone.
 */
export async function intoFolder<T>(
  folder: string,
  write: (folder: string, force: boolean) => Promise<T>,
  ask: (error: ErrorData) => Promise<'replace' | 'keep'>,
): Promise<T> {
  let answer: 'replace' | 'keep' | undefined;
  for (let i = 1; ; i++) {
    try {
      return await write(i === 1 ? folder : `${folder}-${i}`, false);
    } catch (error) {
      if (!(error instanceof HostError) || error.data.code !== 'exists') throw error;
      answer ??= await ask(error.data);
      if (answer === 'replace') return write(folder, true);
    }
  }
}
