/**
 * How the host reads files of the workspace, which anyone may have put there: regular files only, up to a size, and
 * JSON only up to a depth. What cannot be read is that file's error for people; a reader never waits for a pipe.
 */
import { megabytes } from '../../runtime/contract/format.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { constants } from 'node:fs';
import { access, open, stat, type FileHandle } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type * as z from 'zod';
import { MAX_DEPTH, parseJsonc } from '../../runtime/contract/jsonc.js';
import { HostError, inputError } from './errors.js';
import { numbers, t } from './text.js';

/** Recipes, manifests, the workspace's state, adapters' descriptions: files that people or the engine write by hand. */
const MAX_JSON_BYTES = 1e6;

/** The error for people about a file that cannot be read as what it is meant to be. */
export const unreadable = (place: string, message: string, remedy = t('Repair the file or delete it.')): HostError =>
  inputError(message, { place, remedy });

/** Opens a regular file; undefined when there is none. Neither a pipe nor a device is opened, or waited for. */
export async function openFile(file: string): Promise<{ handle: FileHandle; size: number } | undefined> {
  try {
    requireFile(file, await stat(file));
    // It may be another file by now: opening a pipe does not wait, and what was opened is looked at again.
    const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const found = await handle.stat();
      requireFile(file, found);
      return { handle, size: found.size };
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof HostError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(
      file,
      t('the file cannot be read: {0}.', code === 'ELOOP' ? t('its link leads to itself') : message),
    );
  }
}

function requireFile(file: string, found: { isFile(): boolean; isDirectory(): boolean }): void {
  if (found.isFile()) return;
  const what = found.isDirectory() ? t('this is a folder, not a file.') : t('this is a pipe or a device, not a file.');
  throw unreadable(file, what, t('Move it away.'));
}

/** The text of a file, or undefined when there is none. */
export async function readText(file: string, most = MAX_JSON_BYTES): Promise<string | undefined> {
  const opened = await openFile(file);
  if (!opened) return undefined;
  const { handle, size } = opened;
  try {
    if (size > most) throw tooLarge(file, size, most);
    // One byte more than there should be: the file may be growing.
    const bytes = Buffer.alloc(size + 1);
    let length = 0;
    for (let read = 1; read > 0 && length < bytes.length; length += read)
      ({ bytesRead: read } = await handle.read(bytes, length, bytes.length - length, length));
    return bytes.toString('utf8', 0, Math.min(length, most));
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw unreadable(file, t('the file cannot be read: {0}.', (error as Error).message));
  } finally {
    await handle.close();
  }
}

const tooLarge = (file: string, size: number, most: number): HostError =>
  unreadable(
    file,
    t(
      'the file is too large: it has {0} MB, and a file of this kind may have at most {1} MB.',
      megabytes(size, numbers()),
      megabytes(most, numbers()),
    ),
  );

/** A value of JSON that may have comments, and its first fault; what comes before a fault is in the value. */
interface Parsed {
  value: unknown;
  /** `line` counts from 1. */
  fault?: { line: number; message: string; deep?: true };
}

/** Parses leniently, as an editor does: a recipe that is being typed has a value too. Never throws. */
export function parseJson(text: string): Parsed {
  if (text.length > MAX_JSON_BYTES) {
    const message = t(
      'the text is too long: {0} MB, at most {1} MB.',
      megabytes(text.length, numbers()),
      megabytes(MAX_JSON_BYTES, numbers()),
    );
    return { value: undefined, fault: { line: 1, message } };
  }
  const { value, fault } = parseJsonc(text);
  if (!fault) return { value };
  if (fault.code === 'TooDeep') return { value, fault: { line: fault.line, message: depthMessage(), deep: true } };
  return { value, fault: { line: fault.line, message: t('this is not JSON: {0}.', fault.words) } };
}

const depthMessage = (): string => t('lists and objects are nested more than {0} deep.', MAX_DEPTH);

/** Is a value that V8 has parsed, which it does to any depth, one that printers and checks can walk? */
export function isShallow(value: unknown): boolean {
  let level: unknown[] = typeof value === 'object' && value !== null ? [value] : [];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return false;
    const next: unknown[] = [];
    for (const each of level)
      for (const value of Object.values(each as object))
        if (typeof value === 'object' && value !== null) next.push(value);
    level = next;
  }
  return true;
}

/** The JSON of a file, checked; undefined when there is no file. */
export async function readJson<T>(file: string, schema: z.ZodType<T>, most?: number): Promise<T | undefined> {
  const text = await readText(file, most);
  if (text === undefined) return undefined;
  // Reading, parsing and checking a large file are a turn each.
  if (text.length > MAX_JSON_BYTES) await nextTurn();
  const { value, fault } = most === undefined ? parseJson(text) : parseLarge(text);
  if (fault) throw unreadable(`${file}:${fault.line}`, fault.message);
  if (text.length > MAX_JSON_BYTES) await nextTurn();
  return checked(value, schema, file);
}

/**
 * Tables of numbers that the extension itself has written, too long for a parser in JavaScript. V8's own is no
 * recursion.
 */
function parseLarge(text: string): Parsed {
  try {
    const value: unknown = JSON.parse(text);
    if (isShallow(value)) return { value };
    return { value: undefined, fault: { line: 1, message: depthMessage() } };
  } catch (error) {
    return { value: undefined, fault: { line: 1, message: t('this is not JSON: {0}.', (error as Error).message) } };
  }
}

/** The value as the schema's type. Throws an error that names the key. */
export function checked<T>(value: unknown, schema: z.ZodType<T>, place: string): T {
  const result = safeParse(schema, value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (isNewer(issue!, value)) throw newerFile(place);
  const key = issue!.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  throw unreadable(place, t('"{0}" is missing or has the wrong type.', key.replace(/^\./, '') || '{}'));
}

export const newerFile = (place: string): HostError =>
  unreadable(place, t('a newer version of the extension has written this file.'), t('Update the extension.'));

/** Of a format that begins with another version all else may be different: only that is said. */
function isNewer(issue: z.core.$ZodIssue, value: unknown): boolean {
  if (issue.code !== 'invalid_value' || issue.path.join() !== 'version') return false;
  const { version } = value as { version: unknown };
  return typeof version === 'number' && issue.values.every((known) => typeof known === 'number' && version > known);
}

export const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
