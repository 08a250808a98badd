/**
 * Changes of a recipe's text that leave every other character of it alone, comments and line breaks included. (`modify`
 * of jsonc-parser sets what stands beside a new key anew, and removes comments together with a key.)
 */
import { isAbsolute, dirname, relative, sep } from 'node:path';
import { findNodeAtLocation, parseTree, visit, type JSONPath, type Node } from 'jsonc-parser';
import { isHubName } from '../../runtime/contract/hubName.js';
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
    if (isHubName(path)) return path;
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
 * Gives a key another value. A key of the recipe itself that is not there becomes a line of its own, before the first
 * of `before` that is.
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

/**
 * Gives keys of the recipe's `data` other values; undefined takes a key out. One that is not there comes behind the
 * first of them that is, in a line of its own where that one has one.
 */
export function setData(text: string, values: Record<string, string | undefined>): Edit[] {
  const properties = nodeAt(text, 'data')?.children ?? [];
  const named = (name: string): Node | undefined => properties.find(({ children }) => children?.[0]?.value === name);
  const there = Object.entries(values).filter(([name]) => named(name));
  const added = Object.entries(values).filter(([name, value]) => value !== undefined && !named(name));
  const [[first] = []] = there;
  if (first === undefined)
    throw inputError(t('the recipe has no "{0}" yet.', 'data'), { remedy: t('Write it into the recipe first.') });
  const { offset } = named(first)!;
  const line = text.lastIndexOf('\n', offset - 1) + 1;
  const indent = text.slice(line, offset);
  const between = line > 0 && indent.trim() === '' ? `${text.includes('\r\n') ? '\r\n' : '\n'}${indent}` : ' ';
  const more = added.map(([name, value]) => `,${between}${JSON.stringify(name)}: ${value}`).join('');
  const edits = there.flatMap(([name, value]): Edit[] => {
    const node = named(name)!.children![1]!;
    return value === undefined
      ? []
      : [{ offset: node.offset, length: node.length, content: value + (name === first ? more : '') }];
  });
  const gone = there.flatMap(([name, value]) => (value === undefined ? [named(name)!] : []));
  return [...edits, ...withoutProperties(text, properties, gone)];
}

/** Takes properties out of their object with their commas; a line that only such a property was in goes with it. */
function withoutProperties(text: string, all: readonly Node[], gone: readonly Node[]): Edit[] {
  const commas: number[] = [];
  visit(text, { onSeparator: (character, offset) => void (character === ',' && commas.push(offset)) }, ALLOWED);
  const end = ({ offset, length }: Node): number => offset + length;
  const commaOf = (node: Node): number | undefined => {
    const next = all[all.indexOf(node) + 1];
    const until = next?.offset ?? end(node.parent!);
    return commas.find((at) => at >= end(node) && at < until);
  };
  const cut = gone.map((node): [from: number, to: number] => [node.offset, end(node)]);
  const lastKept = all.filter((node) => !gone.includes(node)).at(-1);
  const isLast = gone.includes(all.at(-1)!) && commaOf(all.at(-1)!) === undefined;
  for (const node of [...gone, ...(isLast && lastKept ? [lastKept] : [])]) {
    const comma = commaOf(node);
    if (comma !== undefined) cut.push([comma, comma + 1]);
  }
  const isCut = (at: number): boolean => cut.some(([from, to]) => at >= from && at < to);
  /** To the first character on that side that stays and is no space. */
  const reach = (at: number, by: 1 | -1): number => {
    while (isCut(at) || text[at] === ' ' || text[at] === '\t') at += by;
    return at;
  };
  for (const { offset, length } of gone) {
    const before = reach(offset - 1, -1);
    const after = reach(offset + length, 1);
    if (text[before] !== '\n') cut.push([before + 1, offset]);
    else if (/[\r\n]/.test(text[after]!)) cut.push([before + 1, text.indexOf('\n', after) + 1]);
    else cut.push([offset, after]);
  }
  return merged(cut).map(([from, to]) => ({ offset: from, length: to - from, content: '' }));
}

/** Ranges that touch are one: edits must not overlap. */
function merged(ranges: readonly [from: number, to: number][]): [from: number, to: number][] {
  const all: [number, number][] = [];
  for (const [from, to] of [...ranges].sort(([a], [b]) => a - b)) {
    const last = all.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else all.push([from, to]);
  }
  return all;
}

/** The beginning of the comments that stand directly above a line. */
function aboveComments(text: string, line: number): number {
  const before = text.lastIndexOf('\n', line - 2) + 1;
  return line > 0 && /^\s*(?:\/\/|\/?\*)/.test(text.slice(before, line)) ? aboveComments(text, before) : line;
}

const ALLOWED = { allowTrailingComma: true };

const keyPath = (key: string): JSONPath => key.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part));

const rootOf = (text: string): Node | undefined => parseTree(text, [], ALLOWED);

function nodeAt(text: string, key: string): Node | undefined {
  const root = rootOf(text);
  return root && findNodeAtLocation(root, keyPath(key));
}
