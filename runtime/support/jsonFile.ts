import { open, stat } from 'node:fs/promises';
import { isObject } from '../contract/isObject.js';
import { HumanError } from './errors.js';
import { ifThere } from './ifThere.js';
import { requireNoPointer } from './lfsPointer.js';

/** No configuration file is larger than this. */
const MAX_BYTES = 32 * 2 ** 20;
/** Of a tokenizer: a vocabulary of 260,000 entries with half a million merges takes about 35 MB. */
export const MAX_TOKENIZER_BYTES = 64 * 2 ** 20;
/** Members of all lists and objects together; each costs up to 100 bytes. That tokenizer has 1.8 million. */
const MAX_MEMBERS = 2 ** 22;

/**
 * Nesting of lists and objects. Configurations have a handful of levels; recursion over a value is safe up to this
 * depth.
 */
const MAX_DEPTH = 512;

export type JsonObject = Record<string, unknown>;

/** Reads a JSON object from a file. Errors name the file and what is wrong with it. */
export async function readJsonObject(file: string, maxBytes = MAX_BYTES): Promise<JsonObject> {
  return parseJsonObject(await readText(file, maxBytes), file);
}

/** The same; undefined where there is no such file. */
export const readOptionalJson = (file: string, largest = MAX_BYTES): Promise<JsonObject | undefined> =>
  ifThere(readJsonObject(file, largest));

/** The text of a file of a bounded size; devices and pipes, which have no end, are rejected. */
export async function readText(file: string, largest: number): Promise<string> {
  const wrong = (message: string): HumanError =>
    new HumanError(message, { place: file, remedy: 'Check that it is the right file.' });
  // Before it is opened: opening a pipe waits for who writes into it.
  const found = await stat(file);
  if (!found.isFile()) throw wrong('this is not a file.');
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    if (size > largest) throw wrong(`the file has ${size} bytes; at most ${largest} are read.`);
    const bytes = await handle.readFile();
    requireNoPointer(bytes, file);
    return bytes.toString();
  } finally {
    await handle.close();
  }
}

/** Parses text that must be one JSON object. `place` is named in errors. */
export function parseJsonObject(text: string, place: string): JsonObject {
  let value: unknown;
  try {
    value = parsePythonJson(text);
  } catch (error) {
    throw new HumanError(`this is not valid JSON: ${(error as Error).message}.`, {
      place,
      remedy: 'The file may be cut off: copy it again.',
      cause: error,
    });
  }
  if (!isObject(value))
    throw new HumanError('a JSON object was expected.', { place, remedy: 'Check that it is the right file.' });
  return value;
}

/**
 * JSON.parse for untrusted text.
 * @throws SyntaxError, also for text nested so deeply that walking it would overflow the stack, and for too many
 * members.
 */
export function parseJson(text: string): unknown {
  checkSize(text);
  return JSON.parse(text) as unknown;
}

/** What Python's `json` module writes for numbers that JSON cannot hold. */
const NOT_FINITE = /-?\bInfinity\b|\bNaN\b/g;

/**
 * `parseJson`, also of what Python wrote: `Infinity` becomes `{ "__float__": "Infinity" }`, as transformers 5 writes
 * it, so that nobody takes it for a number.
 */
function parsePythonJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    // inside a text the quotes end it, which is an error again
    const finite = text.replace(NOT_FINITE, '{"__float__":"$&"}');
    if (finite === text) throw error;
    try {
      return parseJson(finite);
    } catch {
      throw error;
    }
  }
}

/** JSON.parse; undefined for what is no JSON. */
export function jsonOrNone(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function checkSize(text: string): void {
  let depth = 0;
  let members = 0;
  for (let i = 0; text.length > MAX_DEPTH && i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      i = text.indexOf('"', i + 1);
      while (i > 0 && isEscaped(text, i)) i = text.indexOf('"', i + 1);
      if (i < 0) return;
    } else if (c === '[' || c === '{') {
      members++;
      if (++depth > MAX_DEPTH) throw new SyntaxError(`lists and objects are nested more than ${MAX_DEPTH} deep`);
    } else if (c === ']' || c === '}') depth--;
    else if (c === ',') members++;
  }
  if (members > MAX_MEMBERS) throw new SyntaxError(`it has ${members} members; at most ${MAX_MEMBERS} are read`);
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === '\\') first--;
  return (at - first) % 2 === 1;
}

/** A value as JSON for a message, cut off after `most` characters. */
export function shown(value: unknown, most = 80): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/**
 * JSON with an indent of two, where whole numbers under `floats` keep a fraction (10.0): Python's readers of
 * config.json tell integers and floats apart.
 */
export function formatJson(value: unknown, floats: ReadonlySet<string>, indent = '', isFloat = false): string {
  const inner = `${indent}  `;
  const block = (open: string, parts: string[], close: string): string =>
    parts.length === 0 ? open + close : `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${indent}${close}`;
  if (Array.isArray(value))
    return block(
      '[',
      value.map((item) => formatJson(item, floats, inner, isFloat)),
      ']',
    );
  if (isObject(value)) {
    const parts = Object.entries(value).flatMap(([key, item]) =>
      item === undefined ? [] : [`${JSON.stringify(key)}: ${formatJson(item, floats, inner, floats.has(key))}`],
    );
    return block('{', parts, '}');
  }
  return isFloat && Number.isSafeInteger(value) ? `${String(value)}.0` : JSON.stringify(value);
}
