/** Order and sums of values, as Python and the filters of Jinja2 have them. */
import { Bool, Dict, equal, Float, isNumber, List, Missing, pairs, Text, Tuple, Whole } from './jinjaValues.js';
import type { Value } from './jinjaValues.js';

/** An argument of a filter, by its place or its name. */
export type Argument = (place: number, key: string) => Value | undefined;

/** Below 0 where the first comes first. @throws Error for what has no order; one of truth values and numbers is none */
export function compare(a: Value, b: Value): number {
  if (a instanceof Text && b instanceof Text) return byCharacter(a.value, b.value);
  if (isNumber(a) && isNumber(b) && a instanceof Bool === b instanceof Bool) return Number(a.value) - Number(b.value);
  if (a instanceof List && b instanceof List && a instanceof Tuple === b instanceof Tuple) {
    const i = a.value.findIndex((item, at) => at >= b.value.length || !equal(item, b.value[at]));
    return i < 0 || i >= b.value.length ? a.value.length - b.value.length : compare(a.value[i], b.value[i]);
  }
  throw new Error(`it compares a ${a.type} with a ${b.type}`);
}

/** By whole characters, not by their halves. */
function byCharacter(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return (a.codePointAt(i) ?? -1) - (b.codePointAt(i) ?? -1);
}

/** Of an item what is at a path of names, with dots between them. */
export function attributeOf(item: Value, path: Value): Value {
  if (!(path instanceof Text) || path.value.includes(',')) throw new Error('an attribute of this kind');
  let value = item;
  for (const part of path.value.split('.'))
    value = (value instanceof Dict ? value.value.get(part) : undefined) ?? new Missing(undefined);
  return value;
}

const isTrue = (value: Value | undefined): boolean => value?.__bool__().value === true;

/** What items are compared by: themselves or a part of them, texts without case unless it is asked for. */
function keyOf(path: Value | undefined, withCase: Value | undefined): (item: Value) => Value {
  return (item) => {
    const part = path ? attributeOf(item, path) : item;
    return part instanceof Text && !isTrue(withCase) ? new Text(part.value.toLowerCase()) : part;
  };
}

function sorted(items: readonly Value[], key: (item: Value) => Value, reverse: Value | undefined): Value[] {
  const sign = isTrue(reverse) ? -1 : 1;
  return items
    .map((item) => ({ item, by: key(item) }))
    .sort((a, b) => sign * compare(a.by, b.by))
    .map(({ item }) => item);
}

function extreme(items: readonly Value[], key: (item: Value) => Value, sign: number): Value {
  if (items.length === 0) return new Missing(undefined);
  return items.reduce((best, item) => (sign * compare(key(item), key(best)) > 0 ? item : best));
}

function unique(items: readonly Value[], key: (item: Value) => Value): Value[] {
  const kept: Value[] = [];
  for (const item of items) if (!kept.some((one) => equal(key(one), key(item)))) kept.push(item);
  return kept;
}

function sum(items: readonly Value[], start: Value): Value {
  return items.reduce((total, item) => {
    if (isNumber(total) && isNumber(item)) {
      const number = Number(total.value) + Number(item.value);
      return total instanceof Float || item instanceof Float ? new Float(number) : new Whole(number);
    }
    if (total instanceof List && item instanceof List) return new List([...total.value, ...item.value]);
    throw new Error(`it sums up a ${total.type} and a ${item.type}`);
  }, start);
}

/** Filters of lists. */
export const OF_ORDER: Record<string, (items: Value[], argument: Argument) => Value> = {
  sort: (items, of) => new List(sorted(items, keyOf(of(2, 'attribute'), of(1, 'case_sensitive')), of(0, 'reverse'))),
  unique: (items, of) => new List(unique(items, keyOf(of(1, 'attribute'), of(0, 'case_sensitive')))),
  min: (items, of) => extreme(items, keyOf(of(1, 'attribute'), of(0, 'case_sensitive')), -1),
  max: (items, of) => extreme(items, keyOf(of(1, 'attribute'), of(0, 'case_sensitive')), 1),
  sum: (items, of) => {
    const path = of(0, 'attribute');
    const parts = path ? items.map((item) => attributeOf(item, path)) : items;
    return sum(parts, of(1, 'start') ?? new Whole(0));
  },
};

/** `dictsort`: the pairs of a dictionary in the order of its keys or values. */
export function dictSorted(dict: Map<string | number, Value>, of: Argument): Value {
  const by = of(1, 'by')?.value ?? 'key';
  if (by !== 'key' && by !== 'value') throw new Error('dictsort() of this kind');
  const key = keyOf(undefined, of(0, 'case_sensitive'));
  const part = (pair: Value): Value => key((pair.value as Value[])[by === 'key' ? 0 : 1]);
  return new List(sorted(pairs(dict), part, of(2, 'reverse')));
}

/** `round`: of a float a float. */
export function rounded(number: Value, of: Argument): Value {
  const [precision, method] = [of(0, 'precision')?.value ?? 0, of(1, 'method')?.value ?? 'common'];
  const value = Number(number.value);
  const places = Number(precision);
  if (!isNumber(number) || !Number.isInteger(places) || Math.abs(places) > 20) throw new Error('round() of this kind');
  const scale = 10 ** places;
  if (method === 'ceil' || method === 'floor') return new Float(Math[method](value * scale) / scale);
  if (method !== 'common') throw new Error('round() of this kind');
  const nearest = places < 0 ? Number(fixed(value * scale, 0)) / scale : Number(fixed(value, places));
  return number instanceof Float ? new Float(nearest) : new Whole(nearest);
}

/** A number with so many decimals: the nearest, and of two that are as near the even one. */
export function fixed(value: number, places: number): string {
  const size = Math.abs(value);
  const exact = size.toFixed(100);
  const end = exact.indexOf('.') + 1 + places;
  const below = exact.slice(0, places === 0 ? end - 1 : end);
  const isTie = /^50*$/.test(exact.slice(end));
  const text = isTie && Number(below.at(-1)) % 2 === 0 ? below : size.toFixed(places);
  return value < 0 || Object.is(value, -0) ? `-${text}` : text;
}
