import type { ErrorData } from './protocol.js';

/** An error for people: a sentence, a place (`train.jsonl:42`, tensor, recipe key) and a remedy. Anything else is a bug. */
export class HumanError extends Error {
  readonly place?: string;
  readonly remedy?: string;
  readonly kind: 'input' | 'failed';
  readonly code?: ErrorData['code'];
  constructor(
    message: string,
    more: {
      place?: string;
      remedy?: string;
      kind?: 'input' | 'failed';
      code?: ErrorData['code'];
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: more.cause });
    this.name = 'HumanError';
    this.place = more.place;
    this.remedy = more.remedy;
    this.kind = more.kind ?? 'input';
    this.code = more.code;
  }
}

/** Ends a run on request; not a failure. */
export class Cancelled extends Error {
  constructor() {
    super('stopped on request');
    this.name = 'Cancelled';
  }
}

/** The error as data, for events, RPC and files. Errors that are not for people start with `internal:` and keep their stack. */
export function errorData(error: unknown): ErrorData {
  if (error instanceof HumanError) {
    const { kind, code, message, place, remedy } = error;
    return { kind, message, place, remedy, ...(code === undefined ? {} : { code }) };
  }
  const e = error instanceof Error ? error : new Error(String(error));
  const system = systemError(e);
  if (system) return system;
  return { kind: 'internal', message: `internal: ${e.message}`, stack: e.stack };
}

/** `place: message. remedy` on one line. */
export function errorText({ message, place, remedy }: ErrorData): string {
  return `${place ? `${place}: ` : ''}${message}${remedy ? ` ${remedy}` : ''}`;
}

const SYSTEM: Record<string, [sentence: string, remedy: string]> = {
  ENOENT: ['there is no such file or folder.', 'Check the path.'],
  EACCES: ['permission denied.', 'Check who may read or write it.'],
  EPERM: ['permission denied.', 'Check who may read or write it.'],
  ENOSPC: ['the disk is full.', 'Free some space and resume the run; what was saved before is kept.'],
  EDQUOT: ['the disk quota is used up.', 'Free some space and resume the run; what was saved before is kept.'],
  EISDIR: ['this is a folder, a file was expected.', 'Name a file.'],
  ENOTDIR: ['a folder was expected here.', 'Check the path.'],
  EMFILE: ['too many open files.', 'Close other programs or raise the limit.'],
  EFBIG: [
    'the file is larger than the disk or its limit allows.',
    'Free some space or raise the limit (ulimit -f); what was saved before is kept.',
  ],
  EIO: ['the disk reports an error.', 'Check the disk, then resume the run; what was saved before is kept.'],
  EBUSY: ['another program uses this file.', 'Close it there.'],
  EROFS: ['the file system is read-only.', 'Choose another output folder.'],
};

/** Nobody's input is to blame. */
const FAILED = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO', 'EBUSY']);

function systemError(e: Error & { code?: unknown; path?: unknown; cause?: unknown }): ErrorData | undefined {
  const known = typeof e.code === 'string' ? SYSTEM[e.code] : undefined;
  if (!known) return undefined;
  return {
    kind: FAILED.has(String(e.code)) ? 'failed' : 'input',
    message: known[0],
    place: typeof e.path === 'string' ? e.path : undefined,
    remedy: known[1],
  };
}
