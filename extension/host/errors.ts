import type { ErrorData } from '../../runtime/contract/errors.js';
import { t } from './text.js';

/** An error for people, in the host: a sentence, a place and a remedy. Errors of the engine arrive as this, too. */
export class HostError extends Error {
  constructor(readonly data: ErrorData) {
    super(data.message);
    this.name = 'HostError';
  }
}

/** Bad input or wrong use, found by the host itself. */
export function inputError(message: string, more: Pick<ErrorData, 'place' | 'remedy' | 'code'> = {}): HostError {
  return new HostError({ kind: 'input', message, ...more });
}

export const noFolder = (): HostError =>
  inputError(t('no folder is open.'), { remedy: t('Open a folder first.'), code: 'folder' });
export const noModel = (): HostError =>
  inputError(t('there is no model in this workspace.'), { remedy: t('Add one in the Models view.'), code: 'model' });
export const noVector = (model: string): HostError =>
  inputError(t('{0} has no security vector yet.', model), { remedy: t('Train one first.'), code: 'vector' });

/** The person stopped it: nothing to report. */
export class Cancelled extends Error {
  constructor() {
    super('cancelled');
    this.name = 'Cancelled';
  }
}

/** By the codes of the system and those of VS Code. */
const REASONS: Record<string, () => string> = {
  ENOENT: () => t('there is no such file or folder'),
  FileNotFound: () => t('there is no such file or folder'),
  ENOLINK: () => t('what this link leads to is not there'),
  EACCES: () => t('permission denied'),
  EPERM: () => t('permission denied'),
  NoPermissions: () => t('permission denied'),
  EROFS: () => t('the disk is read-only'),
  ENOSPC: () => t('the disk is full'),
  EDQUOT: () => t('the disk is full'),
  ENOTDIR: () => t('a folder was expected here'),
  EEXIST: () => t('a folder was expected here'),
};

/** Why a file cannot be read or written, in words; undefined for what is no error of a file system. */
export function fileReason(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && Object.hasOwn(REASONS, code) ? REASONS[code]!() : undefined;
}

/**
 * Any thrown value as error data; what is not for people is a bug and keeps its stack. A file that is gone, or locked,
 * is none.
 */
export function errorData(error: unknown): ErrorData {
  if (error instanceof HostError) return error.data;
  const e: Error & { path?: unknown } = error instanceof Error ? error : new Error(String(error));
  const reason = fileReason(e);
  if (reason !== undefined)
    return inputError(t('the system refuses it: {0}.', reason), {
      ...(typeof e.path === 'string' && { place: e.path }),
      remedy: t('Check the path and its permissions.'),
    }).data;
  const internal = e.message.startsWith('internal:') ? e.message : `internal: ${e.message}`;
  return { kind: 'internal', message: internal, stack: e.stack };
}

/** The `data` of a JSON-RPC error response, if it is error data of the engine. */
export function isErrorData(value: unknown): value is ErrorData {
  const v = value as Partial<ErrorData> | null | undefined;
  return typeof v === 'object' && v !== null && typeof v.message === 'string' && typeof v.kind === 'string';
}

/** A place in a file: `train.jsonl:42` or `train.jsonl:42:7`; line and column count from 1. */
interface Place {
  file: string;
  line: number;
  column: number;
}

/**
 * Reads `file:line[:column]`, also with a Windows drive; undefined for places that are not in a text file (a tensor, a
 * key).
 */
export function parsePlace(place: string | undefined): Place | undefined {
  const match = /^(.+?\.(?:jsonl|ndjson|json|csv|tsv|jsonc|txt))(?::(\d+))?(?::(\d+))?(?: .*)?$/.exec(place ?? '');
  const [, file, line = 1, column = 1] = match ?? [];
  return file === undefined ? undefined : { file, line: Number(line), column: Number(column) };
}
