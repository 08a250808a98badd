import { HumanError } from '../../support/errors.js';

const GO_ON = 'and download again: it resumes where it stopped.';
const WHY: Record<string, readonly [message: string, remedy: string]> = {
  ENOSPC: ['the disk is full.', `Free some space ${GO_ON}`],
  EDQUOT: ['the disk quota is used up.', `Free some space ${GO_ON}`],
  EFBIG: ['a file is larger than the disk or its limit allows.', 'Choose a folder on another disk.'],
  EROFS: ['the file system is read-only.', 'Choose another folder.'],
  EACCES: ['permission denied.', 'Check the write permission, or choose another folder.'],
  EPERM: ['permission denied.', 'Check the write permission, or choose another folder.'],
  ENOENT: ['the folder was removed or changed during the download.', 'Download again.'],
  ENOTDIR: ['this is not a folder.', 'Choose another folder.'],
  EEXIST: ['this is not a folder.', 'Choose another folder.'],
};

/** Another disk or folder is needed; the others may go well another time. */
const INPUT = new Set(['EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'EEXIST']);

/** Errors of the file system, worded for people; other errors stay as they are. */
export function folderError(error: unknown, folder: string): unknown {
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (error instanceof HumanError || code === undefined || syscall === undefined) return error;
  const [message, remedy] = WHY[code] ?? [`the folder cannot be read or written (${code}).`, `Check the disk ${GO_ON}`];
  return new HumanError(message, {
    place: path ?? folder,
    remedy,
    kind: INPUT.has(code) ? 'input' : 'failed',
    cause: error,
  });
}
