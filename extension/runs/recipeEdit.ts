/**
 * Changes of a recipe's text that leave every other character of it alone, comments and line breaks included. (`modify` of
 * jsonc-parser sets what stands beside a new key anew, and removes comments together with a key.)
 */
import { isAbsolute, dirname, relative, sep } from 'node:path';
import { findNodeAtLocation, parseTree, type JSONPath, type Node } from 'jsonc-parser';
import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';

/** As jsonc-parser's own; `length` characters from `offset` become `content`. */
export interface Edit {
  offset: number;
  length: number;
  content: string;
}

/** Paths as a recipe writes them: relative to its folder, with `/`. */
export function relativeTo(file: string): (path: string) => string {
  return (path) => {
    const rel = relative(dirname(file), path);
    return isAbsolute(rel) ? path : rel.split(sep).join('/') || '.';
  };
}

/** Where a key, or as much of its path as there is, stands in the text. */
export function keyOffset(text: string, key: string): number {
  const path = keyPath(key);
  const root = rootOf(text);
  for (let length = path.length; length > 0 && root; length--) {
    const node = findNodeAtLocation(root, path.slice(0, length));
    if (node) return (node.parent?.type === 'property' ? node.parent : node).offset;
  }
  return 0;
}

/** The text of a value; undefined when the key is not there. */
export function valueText(text: string, key: string): string | undefined {
  const node = nodeAt(text, key);
  return node && text.slice(node.offset, node.offset + node.length);
}

/**
 * Gives a key another value. A key of the recipe itself that is not there becomes a line of its own, before the first of
 * `before` that is.
 * @param value JSON, as it is to be written
 */
export function setValue(text: string, key: string, value: string, before: readonly string[] = []): Edit[] {
  const node = nodeAt(text, key);
  if (node) return [{ offset: node.offset, length: node.length, content: value }];
  const next = before.map((name) => nodeAt(text, name)?.parent).find((property) => property !== undefined);
  if (!next) throw inputError(t('the recipe has no "{0}" yet.', key), { remedy: t('Write it into the recipe first.') });
  const property = `${JSON.stringify(key)}: ${value},`;
  const line = text.lastIndexOf('\n', next.offset - 1) + 1;
  const indent = text.slice(line, next.offset);
  if (indent.trim() !== '') return [{ offset: next.offset, length: 0, content: `${property} ` }];
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  return [{ offset: aboveComments(text, line), length: 0, content: `${indent}${property}${eol}` }];
}

/** The beginning of the comments that stand directly above a line. */
function aboveComments(text: string, line: number): number {
  const before = text.lastIndexOf('\n', line - 2) + 1;
  return line > 0 && /^\s*(?:\/\/|\/?\*)/.test(text.slice(before, line)) ? aboveComments(text, before) : line;
}

const keyPath = (key: string): JSONPath => key.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part));

const rootOf = (text: string): Node | undefined => parseTree(text, [], { allowTrailingComma: true });

function nodeAt(text: string, key: string): Node | undefined {
  const root = rootOf(text);
  return root && findNodeAtLocation(root, keyPath(key));
}
