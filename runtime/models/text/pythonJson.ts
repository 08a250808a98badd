/** JSON as Python's `json` module reads and writes it, of the values of templates. */
import { parseTree, type Node, type ParseError } from 'jsonc-parser';
import {
  Bool,
  Dict,
  Float,
  floatText,
  isLarge,
  large,
  List,
  Missing,
  MOST,
  Nothing,
  Text,
  Whole,
  type Value,
} from './jinjaValues.js';

/**
 * `json.loads`: 1.0 is no whole number, keys keep their order, and whole numbers keep their digits.
 * @throws Error for what is not JSON
 */
export function loads(text: string): Value {
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { disallowComments: true });
  if (!tree || errors.length > 0) throw new Error('it reads as JSON what is none');
  return valueOf(tree, text);
}

function valueOf(node: Node, text: string): Value {
  const { children = [] } = node;
  switch (node.type) {
    case 'object':
      return new Dict(
        new Map(children.map(({ children: pair }) => [pair![0].value as string, valueOf(pair![1], text)])),
      );
    case 'array':
      return new List(children.map((child) => valueOf(child, text)));
    case 'number':
      return numberOf(text.slice(node.offset, node.offset + node.length));
    case 'string':
      return new Text(node.value as string);
    case 'boolean':
      return new Bool(node.value as boolean);
    default:
      return new Nothing(null);
  }
}

function numberOf(source: string): Value {
  const number = Number(source);
  if (/[.eE]/.test(source)) return new Float(number);
  return Number.isSafeInteger(number) && !Object.is(number, -0) ? new Whole(number) : large(source);
}

interface Options {
  readonly ensureAscii?: boolean;
  /** Spaces of each level; undefined: all in one line. */
  readonly indent?: number;
  readonly separators?: readonly [item: string, key: string];
  readonly sortKeys?: boolean;
}

/**
 * `json.dumps`, with `ensure_ascii=False` as in the chat templates of transformers.
 * @throws Error for what is no JSON, as Python does
 */
export function dumps(value: Value, { ensureAscii = false, indent, separators, sortKeys }: Options = {}): string {
  const [between, behindKey] = separators ?? [indent === undefined ? ', ' : ',', ': '];
  let written = 0;
  const said = (text: string): string => {
    written += text.length;
    if (written > MOST) throw new Error('it produces too much text');
    return text;
  };
  const textOf = (text: string): string =>
    said(ensureAscii ? JSON.stringify(text).replace(/[^ -~]/g, escaped) : JSON.stringify(text));
  const group = (parts: readonly string[], [open, close]: string, depth: number): string => {
    if (parts.length === 0 || indent === undefined) return said(open + parts.join(between) + close);
    if (indent * (depth + 1) * (parts.length + 1) > MOST) throw new Error('it produces too much text');
    const line = (level: number): string => `\n${' '.repeat(indent * level)}`;
    return said(open + line(depth + 1) + parts.join(between + line(depth + 1)) + line(depth) + close);
  };
  const write = (given: Value, depth: number): string => {
    if (given instanceof Text) return textOf(given.value);
    if (given instanceof Nothing) return said('null');
    if (given instanceof Bool) return said(String(given.value));
    if (isLarge(given)) return said(given.digits);
    if (given instanceof Whole) return said(String(given.value));
    if (given instanceof Float) return said(floatText(given.value));
    if (given instanceof List)
      return group(
        given.value.map((item) => write(item, depth + 1)),
        '[]',
        depth,
      );
    if (given instanceof Dict) {
      const entries = [...given.value].map(([key, item]) => [String(key), item] as const);
      if (sortKeys) entries.sort(([a], [b]) => byCodePoint(a, b));
      return group(
        entries.map(([key, item]) => textOf(key) + behindKey + write(item, depth + 1)),
        '{}',
        depth,
      );
    }
    throw new Error(
      given instanceof Missing ? 'it writes what is not defined as JSON' : `it writes a ${given.type} as JSON`,
    );
  };
  return write(value, 0);
}

const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

function byCodePoint(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  const at = left.findIndex((character, i) => character !== right[i]);
  if (at < 0) return left.length - right.length;
  return at < right.length ? left[at].codePointAt(0)! - right[at].codePointAt(0)! : 1;
}
