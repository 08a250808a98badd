import { HumanError } from './errors.js';

const FIRST_LINE = Buffer.from('version https://git-lfs.github.com/spec/v1');
/** So many bytes tell. */
export const POINTER_BYTES = FIRST_LINE.length;

/**
 * A clone that was made without Git LFS has a few lines of text in the place of each large file.
 * @param start the first bytes of the file
 * @throws HumanError where they are those of a pointer
 */
export function requireNoPointer(start: Uint8Array, file: string): void {
  if (!FIRST_LINE.equals(start.subarray(0, POINTER_BYTES))) return;
  throw new HumanError('this is a pointer of Git LFS, not the file itself.', {
    place: file,
    remedy: 'Run git lfs pull in the folder of the repository.',
  });
}
