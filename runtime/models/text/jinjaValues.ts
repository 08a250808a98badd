import { Environment, Interpreter } from '@huggingface/jinja';

/** The library's values, with what Python does with them. */
export type Value = ReturnType<Interpreter['evaluate']>;

/** The class of some of the library's values, which it does not export. */
type Class<T> = new (value: T) => Value & { value: T };
const classOf = <T>(example: unknown): Class<T> => new Environment().set('example', example).constructor as Class<T>;
export const Text: Class<string> = classOf('');
export const Bool: Class<boolean> = classOf(true);
export const Whole: Class<number> = classOf(1);
export const Float: Class<number> = classOf(0.5);
export const List: Class<Value[]> = classOf([]);
/** A list, too. */
export const Tuple = new Interpreter().evaluate(
  { type: 'TupleLiteral', value: [] } as unknown as Parameters<Interpreter['evaluate']>[0],
  new Environment(),
).constructor as Class<Value[]>;
/** Python's keys may be numbers, too. */
export const Dict: Class<Map<string | number, Value>> = classOf({});
export const Nothing: Class<null> = classOf(null);
export const Missing: Class<undefined> = classOf(undefined);
/** The class that they all extend. */
const Any = Object.getPrototypeOf(Text) as new (value: Value[]) => { type: string; value: Value[] };
/** What may be gone through and is no list: without places, and, where it is made on the way, only once. */
export class Series extends Any {
  override type = 'series';
  /** @param name of parts of a dictionary, which stay; undefined: they are made on the way */
  constructor(
    items: Value[],
    readonly name?: 'dict_items' | 'dict_keys' | 'dict_values',
  ) {
    super(items);
  }
  take(): Value[] {
    const items = this.value;
    if (this.name === undefined) this.value = [];
    return items;
  }
}
export const series = (items: Value[], name?: Series['name']): Value => new Series(items, name) as unknown as Value;
export const Callable: Class<(args: Value[], scope: Environment) => Value> = classOf(() => null);

/** A text of `safe`: others that are added to it are written as in HTML. */
export const safe = (text: string): Value => Object.assign(new Text(text), { isSafe: true });
export const isSafe = (value: Value): boolean => 'isSafe' in value;
const ENTITIES: Partial<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};
export const escapeHtml = (value: Value): string =>
  isSafe(value) ? str(value) : str(value).replace(/[&<>'"]/g, (sign) => ENTITIES[sign]!);

/** A whole number that no double holds: it is written as it was. */
type Large = Value & { readonly digits: string };
export const large = (digits: string): Large => Object.assign(new Whole(Number(digits)), { digits });
export const isLarge = (value: Value): value is Large => 'digits' in value;

/** `repr` of a float: the shortest digits, with an exponent below 1e-4 and from 1e16 on. */
export function floatText(number: number): string {
  if (!Number.isFinite(number)) return Number.isNaN(number) ? 'NaN' : number > 0 ? 'Infinity' : '-Infinity';
  if (Object.is(number, -0)) return '-0.0';
  const [digits, exponent] = number.toExponential().split('e');
  const power = Number(exponent);
  if (number !== 0 && (power < -4 || power >= 16))
    return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  const text = String(number);
  return text.includes('.') ? text : `${text}.0`;
}

/** `str` of a value. */
export const str = (value: Value): string =>
  value instanceof Text ? value.value : value instanceof Missing ? '' : repr(value);

/** Characters; a template may hold a list in itself many times. */
export const MOST = 2 ** 26;

/** `repr` of a value: how Python writes what stands in a list, such as the types of a tool's argument. */
function repr(value: Value): string {
  let written = 0;
  const said = (text: string): string => {
    written += text.length;
    if (written > MOST) throw new Error('it produces too much text');
    return text;
  };
  const write = (given: Value): string => {
    if (given instanceof Text) return said(quoted(given.value));
    if (given instanceof Missing) return said('Undefined');
    if (given instanceof Nothing) return said('None');
    if (given instanceof Bool) return said(given.value ? 'True' : 'False');
    if (given instanceof Float) return said(floatText(given.value));
    if (given instanceof Whole) return said(isLarge(given) ? given.digits : given.toString());
    if (given instanceof List) {
      const items = given.value.map(write);
      if (!(given instanceof Tuple)) return said(`[${items.join(', ')}]`);
      return said(items.length === 1 ? `(${items[0]},)` : `(${items.join(', ')})`);
    }
    if (given instanceof Dict) {
      const entries = [...given.value].map(([key, item]) => `${write(keyValue(key))}: ${write(item)}`);
      return said(`{${entries.join(', ')}}`);
    }
    if (given instanceof Series && given.name) return said(`${given.name}([${given.value.map(write).join(', ')}])`);
    throw new Error(`it writes a ${given.type} as text`);
  };
  return write(value);
}

/** A text as Python writes it in a list: in double quotes where only single ones stand in it. */
function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inside = text.replace(/[\\'"]|(?! )[\p{C}\p{Z}]/gu, (character) => {
    if (character === quote || character === '\\') return `\\${character}`;
    return /['"]/.test(character) ? character : (SHORT[character] ?? escaped(character));
  });
  return quote + inside + quote;
}

const SHORT: Partial<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const code = character.codePointAt(0)!.toString(16);
  const [letter, digits] = code.length <= 2 ? ['x', 2] : code.length <= 4 ? ['u', 4] : ['U', 8];
  return `\\${letter}${code.padStart(digits, '0')}`;
}

/** Python's `==`: by value, and a number is not a text. */
export function equal(a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) return Number(a.value) === Number(b.value);
  if (a instanceof List && b instanceof List)
    return (
      a instanceof Tuple === b instanceof Tuple &&
      a.value.length === b.value.length &&
      a.value.every((item, i) => equal(item, b.value[i]))
    );
  if (a instanceof Dict && b instanceof Dict)
    return (
      a.value.size === b.value.size &&
      [...a.value].every(([key, item]) => b.value.has(key) && equal(item, b.value.get(key)!))
    );
  return a.type === b.type && a.value === b.value;
}

export const isNumber = (value: Value): boolean =>
  value instanceof Whole || value instanceof Float || value instanceof Bool;

/** White space of Python's `str`, which is not that of JavaScript. */
export const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const WORDS = new RegExp(`[^${SPACE}]+`, 'g');
const isSpace = new RegExp(`[${SPACE}]`);

export function strip(text: string, [given]: Value[], left: boolean, right: boolean): Value {
  const set = given instanceof Text ? new Set(given.value) : undefined;
  if (given !== undefined && !set && !(given instanceof Nothing)) throw new Error('it strips what is not text');
  const characters = Array.from(text);
  const taken = (character: string | undefined): boolean =>
    character !== undefined && (set ? set.has(character) : isSpace.test(character));
  let [from, to] = [0, characters.length];
  if (left) while (from < to && taken(characters[from])) from++;
  if (right) while (to > from && taken(characters[to - 1])) to--;
  return new Text(characters.slice(from, to).join(''));
}

/** A text as many times. */
export function repeated(text: string, times: number): Value {
  if (text.length * times > MOST) throw new Error('it produces too much text');
  return new Text(text.repeat(Math.max(0, times)));
}

/** Where a part begins, in characters; -1: nowhere. */
function placeOf(text: string, args: Value[], find: (part: string) => number): Value {
  const [part] = args;
  if (!(part instanceof Text) || args.length > 1) throw new Error('find() of this kind');
  const at = find(part.value);
  return new Whole(at < 0 ? -1 : Array.from(text.slice(0, at)).length);
}

/** Whether a text, or the part of it that begins and ends there, begins or ends with another, or with one of several. */
function borders(text: string, [given, from, to]: Value[], is: (text: string, part: string) => boolean): Value {
  const place = (value: Value | undefined): number | undefined => {
    if (value === undefined || value instanceof Nothing) return undefined;
    if (value instanceof Whole) return value.value;
    throw new Error('startswith() or endswith() of this kind');
  };
  const parts = given instanceof Tuple ? given.value : [given];
  const part = from ? Array.from(text).slice(place(from), place(to)).join('') : text;
  return new Bool(
    parts.some((one) => {
      if (!(one instanceof Text)) throw new Error('startswith() or endswith() of this kind');
      return is(part, one.value);
    }),
  );
}

/** `str.format`, without formats of numbers. */
function format(text: string, args: Value[]): Value {
  let next = 0;
  const written = text.replace(/\{\{|\}\}|\{(\d*)\}|[{}]/g, (all, place?: string) => {
    if (all === '{{' || all === '}}') return all[0];
    const item = place === undefined ? undefined : args.at(place === '' ? next++ : Number(place));
    if (!item || item.type === 'KeywordArgumentsValue') throw new Error('format() of this kind');
    return str(item);
  });
  return new Text(written);
}

export const capitalize = (text: string): string => {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
};

export const METHODS: Record<string, (text: string, args: Value[]) => Value> = {
  strip: (text, args) => strip(text, args, true, true),
  lstrip: (text, args) => strip(text, args, true, false),
  rstrip: (text, args) => strip(text, args, false, true),
  capitalize: (text) => new Text(capitalize(text)),
  title: (text) => new Text(text.replace(/\p{L}+/gu, capitalize)),
  startswith: (text, args) => borders(text, args, (one, part) => one.startsWith(part)),
  endswith: (text, args) => borders(text, args, (one, part) => one.endsWith(part)),
  find: (text, args) => placeOf(text, args, (part) => text.indexOf(part)),
  rfind: (text, args) => placeOf(text, args, (part) => text.lastIndexOf(part)),
  format,
  split: (text, args) => {
    const [separator, most] = args;
    const limit = most instanceof Whole && most.value >= 0 ? most.value : Infinity;
    if (args.length > 2 || (most !== undefined && !(most instanceof Whole))) throw new Error('split() of this kind');
    let parts: string[];
    if (separator instanceof Text) {
      if (separator.value === '') throw new Error('empty separator');
      parts = text.split(separator.value);
      if (parts.length > limit + 1) parts.push(parts.splice(limit).join(separator.value));
    } else if (separator === undefined || separator instanceof Nothing) {
      const words = [...text.matchAll(WORDS)];
      parts = words.slice(0, limit).map(([word]) => word);
      if (words.length > limit) parts.push(text.slice(words[limit].index));
    } else throw new Error('split() of this kind');
    return new List(parts.map((part) => new Text(part)));
  },
};

/** What a loop over a value goes through. */
export function each(value: Value): Value[] {
  if (value instanceof List) return value.value;
  if (value instanceof Series) return value.take();
  if (value instanceof Dict) return [...value.value.keys()].map(keyValue);
  if (value instanceof Text) return Array.from(value.value, (character) => new Text(character));
  if (value instanceof Missing) return [];
  throw new Error(`it loops over a ${value.type}`);
}

const keyValue = (key: string | number): Value => (typeof key === 'number' ? new Whole(key) : new Text(key));

/** The item of a dictionary. */
export const itemOf = (dict: Map<string | number, Value>, key: Value): Value | undefined =>
  key instanceof Text || key instanceof Whole ? dict.get(key.value) : undefined;

export const pairs = (dict: Map<string | number, Value>): Value[] =>
  [...dict].map(([key, value]) => new Tuple([keyValue(key), value]));

/** `dict()`: of another one, and of names. */
export const dict: Value = new Callable((args) => {
  const entries = args.map((arg) => {
    if (!(arg instanceof Dict)) throw new Error('dict() of this kind');
    return [...arg.value];
  });
  return new Dict(new Map(entries.flat()));
});

export const DICT_METHODS: Record<string, (dict: Map<string | number, Value>, args: Value[]) => Value> = {
  items: (dict) => series(pairs(dict), 'dict_items'),
  keys: (dict) => series([...dict.keys()].map(keyValue), 'dict_keys'),
  values: (dict) => series([...dict.values()], 'dict_values'),
  get: (dict, [key, other]) => (key && itemOf(dict, key)) ?? other ?? new Nothing(null),
};
