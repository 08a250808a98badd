import { textName } from '../support/files.js';
import { isObject } from '../contract/isObject.js';
import type { JsonObject } from '../support/jsonFile.js';

/**
 * Names what a row says: rows with the same fields have the same hash, wherever they stand and however they are
 * written, and others have others.
 */
export function rowHash(value: JsonObject): string {
  const text = JSON.stringify(value, (_, part: unknown) =>
    isObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
  return textName(text);
}
