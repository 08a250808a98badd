/** Rows as they are written: in their own text, where they have one. */
import { findNodeAtLocation, parseTree, type JSONPath } from 'jsonc-parser';
import { isObject } from '../contract/isObject.js';
import type { JsonObject } from '../support/jsonFile.js';
import { outsideStrings, parseExact, type ReadRow } from './rawRow.js';

/** As one line of JSON. */
export function lineOf({ value, text }: ReadRow): string {
  const own = text?.trim() ?? JSON.stringify(value);
  // Line breaks stand between strings, never in them.
  return /[\r\n]/.test(own) ? outsideStrings(own, /\s+/, () => '') : own;
}

/** The row with another value, of which one part is not what it was: only there its text is another one. */
export function withValue(row: ReadRow, value: JsonObject): ReadRow {
  return { ...row, value, ...(row.text !== undefined && { text: changedText(row.text, row.value, value) }) };
}

function changedText(text: string, before: JsonObject, after: JsonObject): string {
  const path = changedPath(before, after);
  const tree = parseTree(text);
  const node = tree && findNodeAtLocation(tree, path);
  const part: unknown = path.reduce((of: unknown, key) => (of as JsonObject)[key], after);
  const whole = JSON.stringify(after);
  if (!node) return whole;
  const changed = text.slice(0, node.offset) + JSON.stringify(part) + text.slice(node.offset + node.length);
  // Of a key that stands in the text twice, the last one is read.
  return JSON.stringify(parseExact(changed)) === whole ? changed : whole;
}

function changedPath(before: unknown, after: unknown): JSONPath {
  const isList = Array.isArray(before) && Array.isArray(after);
  if (!isList && !(isObject(before) && isObject(after))) return [];
  if (isList && before.length !== after.length) return [];
  const [a, b] = [before as JsonObject, after as JsonObject];
  const key = Object.keys(b).find((each) => a[each] !== b[each]);
  return key === undefined ? [] : [isList ? Number(key) : key, ...changedPath(a[key], b[key])];
}
