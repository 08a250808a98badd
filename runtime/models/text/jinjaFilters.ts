import type { Environment } from '@huggingface/jinja';
import {
  capitalize,
  Dict,
  each,
  equal,
  Float,
  isNumber,
  isSafe,
  List,
  METHODS,
  Missing,
  Nothing,
  pairs,
  safe,
  series,
  Series,
  SPACE,
  str,
  strip,
  Text,
  Tuple,
  Whole,
} from './jinjaValues.js';
import type { Value } from './jinjaValues.js';
import { percent } from './jinjaFormat.js';
import { attributeOf, dictSorted, OF_ORDER, rounded } from './jinjaOrder.js';
import { dumps } from './pythonJson.js';

/** A node of the library's tree, as far as it is read here. */
export interface Node {
  type: string;
  [field: string]: unknown;
}

export const constant = (value: Value): Node => ({ type: 'Constant', value });

/** Gives what expressions give: as Python does, or as the library. */
interface Evaluator {
  value(node: unknown, scope: Environment): Value;
  original(node: Node, scope: Environment): Value;
}

const OF_TEXT = new Set('trim upper lower title capitalize string replace indent'.split(' '));
const OF_LIST = new Set(
  'list first last map selectattr rejectattr sort unique reverse items join sum min max'.split(' '),
);
/** What is false, such as `tools` where there are none, has nothing for these. */
const OF_ANY = new Set('map select reject selectattr rejectattr'.split(' '));

/** What these give is made while it is gone through. */
const MADE = new Set('map select reject selectattr rejectattr unique reverse items'.split(' '));
/** Those of what is no list. */
const OF_SERIES = new Set(
  'list first join sort map select reject selectattr rejectattr unique min max sum reverse'.split(' '),
);

/** What a filter gives, where the library gives something else. */
export function filter(value: Value, call: Node, scope: Environment, at: Evaluator): Value {
  const name = (call.type === 'CallExpression' ? (call.callee as Node).value : call.value) as string;
  const isDefault = name === 'default' || name === 'd';
  if (value instanceof Series && !isDefault && !OF_SERIES.has(name) && !(value.name && /^(length|count)$/.test(name)))
    throw new Error(`the filter "${name}" needs a list`);
  const given = value instanceof Series && !isDefault ? new List(value.take()) : value;
  const found = filtered(given, name, call, scope, at);
  const isListed = name === 'reverse' && value instanceof Series;
  if (MADE.has(name) && found instanceof List && !isListed) return series(found.value);
  return name === 'safe' || (isSafe(value) && OF_TEXT.has(name) && found instanceof Text && name !== 'replace')
    ? safe(str(found))
    : found;
}

function filtered(given: Value, name: string, call: Node, scope: Environment, at: Evaluator): Value {
  const args = (): Value[] => ((call.args as Node[] | undefined) ?? []).map((arg) => at.value(arg, scope));
  if (OF_ANY.has(name) && !given.__bool__().value) return new List([]);
  if (name === 'map' && !isNamed(call)) return mapped(given, call, scope, at);
  const argument = (place: number, key: string): Value | undefined => argumentOf(call, place, key, scope, at);
  if (name === 'default' || name === 'd') {
    const [other, always] = [argument(0, 'default_value'), argument(1, 'boolean')];
    const isThere = always?.__bool__().value ? given.__bool__().value : !(given instanceof Missing);
    return isThere ? given : (other ?? new Text(''));
  }
  let operand = given;
  if (OF_TEXT.has(name)) operand = new Text(str(given));
  else if (given instanceof Missing && OF_LIST.has(name)) operand = new List([]);
  else if (given instanceof Missing && /^(length|count|int|float)$/.test(name)) operand = new Text('');
  if (operand instanceof Text) {
    if (name === 'trim') return strip(operand.value, args(), true, true);
    if (name === 'capitalize') return METHODS[name](operand.value, []);
    if (name === 'title') return new Text(operand.value.replace(WORD, capitalize));
    if (name === 'length' || name === 'count') return new Whole(Array.from(operand.value).length);
    if (name === 'reverse') return new Text(Array.from(operand.value).reverse().join(''));
    if (name !== 'join' && OF_LIST.has(name)) operand = new List(each(operand));
    if (name === 'list') return operand;
  }
  if (name === 'int' || name === 'float') {
    if (argument(1, 'base')) throw new Error('int() of this kind');
    return numberOf(operand, name, argument(0, 'default'));
  }
  if (operand instanceof Dict && name === 'items') return new List(pairs(operand.value));
  if (name === 'count' && (operand instanceof List || operand instanceof Dict))
    return new Whole([...(operand.value as Iterable<unknown>)].length);
  if (operand instanceof Dict && name === 'dictsort') return dictSorted(operand.value, argument);
  if (name === 'round') return rounded(operand, argument);
  if (operand instanceof Text && name === 'format') return percent(operand, formatted(call, scope, at));
  if (operand instanceof List) {
    const items: Value[] = operand.value;
    if ((name === 'first' || name === 'last') && operand.value.length === 0) return new Missing(undefined);
    if (name === 'join') {
      const [between, path] = [argument(0, 'd'), argument(1, 'attribute')];
      const texts = items.map((item) => str(path ? attributeOf(item, path) : item));
      return new Text(texts.join(between ? str(between) : ''));
    }
    if (name === 'selectattr' || name === 'rejectattr')
      return new List(choose(items, name === 'selectattr', args(), scope, at));
    if (name === 'select' || name === 'reject')
      return new List(items.filter((item) => (name === 'select') === holds(item, args(), scope, at)));
    if (name === 'list') return new List([...items]);
    if (Object.hasOwn(OF_ORDER, name)) return OF_ORDER[name](items, argument);
  }
  if (name === 'tojson') return new Text(dumps(operand, jsonOptions(call, scope, at)));
  const node = { type: 'FilterExpression', operand: constant(operand), filter: call };
  return at.original(node, scope);
}

/** An argument of a filter, by its place or its name. */
function argumentOf(call: Node, place: number, key: string, scope: Environment, at: Evaluator): Value | undefined {
  const isNamed = ({ type }: Node): boolean => type === 'KeywordArgumentExpression';
  const args = (call.args as Node[] | undefined) ?? [];
  const named = args.find((arg) => isNamed(arg) && (arg.key as Node).value === key)?.value;
  const found = named ?? args.filter((arg) => !isNamed(arg))[place];
  return found && at.value(found, scope);
}

/** What begins with a capital in `title`: all but what stands between white space, hyphens and opening brackets. */
const WORD = new RegExp(`[^-({[<${SPACE}]+`, 'g');
const FLOAT = /^[-+]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)(e[-+]?\d+)?$/i;

/** `int` and `float`: the other value for a text that is none as a whole. */
function numberOf(given: Value, name: 'int' | 'float', other: Value | undefined): Value {
  const otherwise = other ?? (name === 'int' ? new Whole(0) : new Float(0));
  let number: number;
  if (isNumber(given)) {
    if (name === 'int' && given instanceof Whole) return given;
    number = Number(given.value);
  } else {
    const text = given instanceof Text ? (strip(given.value, [], true, true).value as string) : '';
    if (!FLOAT.test(text)) return otherwise;
    number = Number(text.replaceAll('_', ''));
  }
  return name === 'int' ? new Whole(Math.trunc(number)) : new Float(number);
}

/** Of a call of `tojson`, as transformers defines it. */
function jsonOptions(call: Node, scope: Environment, at: Evaluator): Parameters<typeof dumps>[1] {
  const given = new Map<string, Value>();
  for (const arg of (call.args as Node[] | undefined) ?? []) {
    if (arg.type !== 'KeywordArgumentExpression') throw new Error('tojson() of this kind');
    given.set((arg.key as Node).value as string, at.value(arg.value, scope));
  }
  const [indent, separators] = ['indent', 'separators'].map((key) => given.get(key) ?? new Nothing(null));
  const isSet = (key: string): boolean => given.get(key)?.__bool__().value === true;
  const parts = separators instanceof Nothing ? undefined : each(separators).map(str);
  if (!(indent instanceof Whole || indent instanceof Nothing) || (parts && parts.length !== 2))
    throw new Error('tojson() of this kind');
  return {
    ensureAscii: isSet('ensure_ascii'),
    sortKeys: isSet('sort_keys'),
    ...(indent instanceof Whole && { indent: indent.value }),
    ...(parts && { separators: [parts[0], parts[1]] as const }),
  };
}

function choose(items: Value[], keep: boolean, args: Value[], scope: Environment, at: Evaluator): Value[] {
  const [path, ...test] = args;
  if (!path) throw new Error('selectattr() of this kind');
  return items.filter((item) => keep === holds(attributeOf(item, path), test, scope, at));
}

/** Whether a value passes a test, or is true where none is given. */
function holds(value: Value, test: Value[], scope: Environment, at: Evaluator): boolean {
  if (test.length === 0) return value.__bool__().value;
  const [name, other] = test;
  if (!(name instanceof Text)) throw new Error('a choice of this kind');
  return passes(name.value, value, other, scope, at);
}

/** The values of `format`: by their places, or by their names. */
function formatted(call: Node, scope: Environment, at: Evaluator): Value {
  const args = (call.args as Node[] | undefined) ?? [];
  if (!isNamed(call)) return new Tuple(args.map((arg) => at.value(arg, scope)));
  return new Dict(new Map(args.map((arg) => [(arg.key as Node).value as string, at.value(arg.value, scope)])));
}

const isNamed = (call: Node): boolean => (call.args as Node[] | undefined)?.[0]?.type === 'KeywordArgumentExpression';

/** `map` with the name of a filter, and its arguments. */
function mapped(given: Value, call: Node, scope: Environment, at: Evaluator): Value {
  const [first, ...args] = (call.args as Node[] | undefined) ?? [];
  const name = first && at.value(first, scope);
  if (!(name instanceof Text)) throw new Error('map() of this kind');
  const callee = { type: 'Identifier', value: name.value };
  const inner = args.length > 0 ? { type: 'CallExpression', callee, args } : callee;
  return new List(each(given).map((item) => filter(item, inner, scope, at)));
}

function passes(name: string, value: Value, other: Value | undefined, scope: Environment, at: Evaluator): boolean {
  const equals = ['equalto', 'eq', '=='].includes(name);
  if (other) {
    if (equals || name === 'ne' || name === '!=') return equal(value, other) === equals;
    if (name === 'in' && other instanceof List) return other.value.some((item) => equal(item, value));
    throw new Error(`the test "${name}" of this kind`);
  }
  const tested = { type: 'TestExpression', operand: constant(value), negate: false, test: { value: name } };
  return at.value(tested, scope).value === true;
}
