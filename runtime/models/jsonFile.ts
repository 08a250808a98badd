import { open } from 'node:fs/promises';
import { HumanError } from '../errors.js';

/** Larger JSON files than this are no configuration; a vocabulary of 250,000 entries with merges takes about 35 MB. */
const LARGEST = 256 * 2 ** 20;

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A JSON object out of a file. Errors name the file and what is wrong with it. */
export async function readJsonObject(file: string, largest = LARGEST): Promise<JsonObject> {
  const handle = await open(file, 'r');
  let text: string;
  try {
    const { size } = await handle.stat();
    if (size > largest) {
      throw new HumanError(`the file has ${size} bytes; at most ${largest} are read as JSON.`, {
        place: file,
        remedy: 'Check that it is the right file.',
      });
    }
    text = await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
  return parseJsonObject(text, file);
}

/** Parses text that must be one JSON object. `place` is named in errors. */
export function parseJsonObject(text: string, place: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
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
 * JSON with an indent of two, where whole numbers under `floats` keep a fraction (10.0): Python's readers of config.json tell
 * integers and floats apart.
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
