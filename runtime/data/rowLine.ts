/** Rows as they are written: in their own text, where they have one. */
import { parseTree, type Node } from 'jsonc-parser';
import { isObject } from '../contract/isObject.js';
import type { JsonObject } from '../support/jsonFile.js';
import { outsideStrings, parseExact, type ReadRow } from './rawRow.js';

/** As one line of JSON. */
export function lineOf({ value, text }: ReadRow): string {
  const own = text?.trim() ?? JSON.stringify(value);
  // Line breaks stand between strings, never in them.
  return /[\r\n]/.test(own) ? outsideStrings(own, /\s+/, () => '') : own;
}

/** The row with another value: only what is not as it was has another text. */
export function withValue(row: ReadRow, value: JsonObject): ReadRow {
  return { ...row, value, ...(row.text !== undefined && { text: changedText(row.text, row.value, value) }) };
}

function changedText(text: string, before: JsonObject, after: JsonObject): string {
  const tree = parseTree(text);
  const whole = JSON.stringify(after);
  if (!tree) return whole;
  const { offset, length } = tree;
  const changed = text.slice(0, offset) + textOf(tree, text, before, after) + text.slice(offset + length);
  return JSON.stringify(parseExact(changed)) === whole ? changed : whole;
}

/** The text of a value at a node where another one stood. */
function textOf(node: Node, text: string, before: unknown, after: unknown): string {
  const source = ({ offset, length }: Node): string => text.slice(offset, offset + length);
  if (before === after) return source(node);
  const { children = [] } = node;
  const isList = Array.isArray(before) && Array.isArray(after) && node.type === 'array';
  if (isList && before.length > after.length && after.length > 0) {
    const left = (after as unknown[]).map((item) => children[before.indexOf(item)]);
    if (left.every((item) => item !== undefined)) {
      const [first, second] = children;
      const last = children.at(-1)!;
      const between = text.slice(first.offset + first.length, second.offset);
      const [open, close] = [
        text.slice(node.offset, first.offset),
        text.slice(last.offset + last.length, node.offset + node.length),
      ];
      return open + left.map(source).join(between) + close;
    }
  }
  const isSame = isList ? before.length === after.length : isObject(before) && isObject(after);
  if (!isSame || !['array', 'object'].includes(node.type)) return JSON.stringify(after);
  const [old, now] = [before as JsonObject, after as JsonObject];
  if (!isList) {
    // Of a key that stands in the text twice, the last one is read.
    const keys = new Set(children.map((child) => child.children![0].value as string));
    const isSameKeys = keys.size === Object.keys(now).length && Object.keys(now).every((key) => keys.has(key));
    if (keys.size < children.length || !isSameKeys) return JSON.stringify(after);
  }
  let changed = '';
  let at = node.offset;
  children.forEach((child, i) => {
    const [key, value] = isList ? [String(i), child] : [child.children![0].value as string, child.children![1]];
    changed += text.slice(at, value.offset) + textOf(value, text, old[key], now[key]);
    at = value.offset + value.length;
  });
  return changed + text.slice(at, node.offset + node.length);
}
