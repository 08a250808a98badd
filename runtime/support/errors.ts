import type { ErrorData } from '../contract/errors.js';

/**
 * An error for people: a sentence, a place (`train.jsonl:42`, tensor, recipe key) and a remedy. Anything else is a bug.
 */
export class HumanError extends Error {
  readonly place?: string;
  readonly remedy?: string;
  readonly kind: 'input' | 'failed';
  readonly code?: ErrorData['code'];
  constructor(
    message: string,
    details: {
      place?: string;
      remedy?: string;
      kind?: 'input' | 'failed';
      code?: ErrorData['code'];
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: details.cause });
    this.name = 'HumanError';
    this.place = details.place;
    this.remedy = details.remedy;
    this.kind = details.kind ?? 'input';
    this.code = details.code;
  }
}

/** Ends a run on request; not a failure. */
export class Cancelled extends Error {
  /** @param message for the person who asked for it */
  constructor(message = 'Stopped.') {
    super(message);
    this.name = 'Cancelled';
  }
}

/** Lets a request to stop arrive. @throws Cancelled where there is one */
export async function nextTurn(signal?: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (signal?.aborted) throw new Cancelled();
}

/** What helps where memory ran out. */
const LESS_MEMORY = 'Use a smaller model, or a machine with more memory.';

/**
 * The error as data, for events, RPC and files. Errors that are not for people start with `internal:` and keep their
 * stack.
 * @param lessMemory what helps where memory ran out
 */
export function errorData(error: unknown, lessMemory = LESS_MEMORY): ErrorData {
  if (error instanceof HumanError) {
    const { kind, code, message, place, remedy } = error;
    return { kind, message, place, remedy, ...(code === undefined ? {} : { code }) };
  }
  const e = error instanceof Error ? error : new Error(String(error));
  const system = systemError(e, lessMemory);
  if (system) return system;
  return { kind: 'internal', message: `internal: ${e.message}`, stack: e.stack };
}

const SYSTEM: Record<string, [sentence: string, remedy: string]> = {
  ENOENT: ['there is no such file or folder.', 'Check the path.'],
  EACCES: ['permission denied.', 'Check its permissions.'],
  EPERM: ['permission denied.', 'Check its permissions.'],
  ENOSPC: ['the disk is full.', 'Free some space and run it again.'],
  EDQUOT: ['the disk quota is used up.', 'Free some space and run it again.'],
  EISDIR: ['this is a folder; a file was expected.', 'Name a file.'],
  ENOTDIR: ['a folder was expected here.', 'Check the path.'],
  EMFILE: ['too many open files.', 'Close other programs or raise the limit.'],
  EFBIG: [
    'the file is larger than the disk or its limit allows.',
    'Free some space or raise the limit (ulimit -f); what was saved so far is kept.',
  ],
  EROFS: ['the file system is read-only.', 'Choose another folder.'],
  ELOOP: ['the links form a loop.', 'Check where the links on this path lead.'],
  ENOLINK: [
    'what this link leads to is not there.',
    'Connect the disk that it leads to, correct the link, or remove it.',
  ],
  ENAMETOOLONG: ['the path is too long.', 'Use a shorter path.'],
  ENOTEMPTY: ['the folder is not empty.', 'Another program may be writing into it: close it and try again.'],
  EBUSY: ['another program uses it.', 'Close the other program and try again.'],
  ETXTBSY: ['another program uses it.', 'Close the other program and try again.'],
  EEXIST: ['it already exists.', 'Remove it or choose another name.'],
  EINVAL: ['the system does not accept this path or operation.', 'Check the path.'],
  ENXIO: ['this is not a readable file.', 'Name a file.'],
  ENODEV: ['the device is gone.', 'Check that the disk is still connected.'],
  ESTALE: ['the file on the network disk is gone.', 'Check the connection to the disk.'],
  ETIMEDOUT: ['the disk or network does not answer.', 'Check the connection and try again.'],
  EIO: ['the disk could not be read or written.', 'Check the disk; what was saved so far is kept.'],
  ENFILE: ['too many open files.', 'Close other programs or raise the limit.'],
  ERR_FS_FILE_TOO_LARGE: ['the file is too large to be read at once.', 'Check that it is the right file.'],
  ERR_STRING_TOO_LONG: ['the file is too large to be read at once.', 'Check that it is the right file.'],
  ERR_BUFFER_TOO_LARGE: ['the file is too large to be read at once.', 'Check that it is the right file.'],
};

export const isDiskFull = (error: unknown): boolean =>
  error instanceof Error && ['ENOSPC', 'EDQUOT'].includes(String((error as NodeJS.ErrnoException).code));

/** Codes for which the machine is at fault, not the request. */
const FAILED = new Set('ENOSPC EDQUOT EFBIG EMFILE ENFILE EIO EBUSY ENODEV ESTALE ETIMEDOUT'.split(' '));
const NO_MEMORY = new Set<unknown>(['ENOMEM', 'ERR_MEMORY_ALLOCATION_FAILED']);
/** How V8 and onnxruntime report that memory ran out. */
const OUT_OF_MEMORY =
  /bad_alloc|(failed to|could not|cannot) allocate|array buffer allocation failed|out of memory|invalid (typed array|array buffer) length: \d{9,}|invalid string length/i;

export const isOutOfMemory = (error: unknown): boolean =>
  error instanceof Error &&
  !(error instanceof HumanError) &&
  (NO_MEMORY.has((error as NodeJS.ErrnoException).code) || OUT_OF_MEMORY.test(error.message));

function systemError(
  e: Error & { code?: unknown; path?: unknown; syscall?: unknown },
  lessMemory: string,
): ErrorData | undefined {
  const place = typeof e.path === 'string' ? e.path : undefined;
  const known = typeof e.code === 'string' && Object.hasOwn(SYSTEM, e.code) ? SYSTEM[e.code] : undefined;
  if (known)
    return { kind: FAILED.has(String(e.code)) ? 'failed' : 'input', message: known[0], place, remedy: known[1] };
  if (isOutOfMemory(e)) {
    const remedy = `Close other programs. ${lessMemory}`;
    return { kind: 'failed', message: 'there is not enough memory.', place, remedy };
  }
  if (typeof e.code !== 'string' || typeof e.syscall !== 'string') return undefined;
  const message = `the system reports ${e.code} (${e.syscall}).`;
  return { kind: 'failed', message, place, remedy: 'Check the disk and the path, then try again.' };
}

/** What is made; undefined where it fails with an error of this kind. */
export function unless<T>(kind: new (...given: never[]) => Error, make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof kind) return undefined;
    throw error;
  }
}
