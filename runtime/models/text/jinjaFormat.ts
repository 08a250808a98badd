/** Texts with places for values, as Python fills them. */
import { Dict, isLarge, isNumber, isSafe, str, Text, Tuple } from './jinjaValues.js';
import type { Value } from './jinjaValues.js';
import { fixed } from './jinjaOrder.js';

const PLACE = /%(?:\((\w+)\))?([-+ 0]*)(\d*)(?:\.(\d+))?(.?)/gs;
/** Wider places are not filled. */
const WIDEST = 1000;

/** `text % values`. @throws Error for what Python refuses, or formats that are not known */
export function percent(text: Value, given: Value): Value {
  const items = given instanceof Tuple ? given.value : [given];
  let next = 0;
  if (isSafe(text)) throw new Error('a format of this kind');
  const written = str(text).replace(PLACE, (all, name: string | undefined, flags: string, width: string, ...more) => {
    const [places, letter] = more as [string | undefined, string];
    if (letter === '%') return '%';
    const value = name === undefined ? items[next++] : given instanceof Dict ? given.value.get(name) : undefined;
    const part = value && filled(value, letter, places, flags);
    if (part === undefined || Number(width) > WIDEST) throw new Error(`the format "${all}" of this kind`);
    const size = Number(width) - Array.from(part).length;
    if (size <= 0) return part;
    if (flags.includes('-')) return part + ' '.repeat(size);
    const sign = flags.includes('0') && letter !== 's' ? (/^[-+ ]/.exec(part)?.[0] ?? '') : undefined;
    return sign === undefined ? ' '.repeat(size) + part : sign + '0'.repeat(size) + part.slice(sign.length);
  });
  if (next < items.length && !(given instanceof Dict)) throw new Error('a format with too many values');
  return new Text(written);
}

function filled(value: Value, letter: string, places: string | undefined, flags: string): string | undefined {
  if (letter === 's')
    return Array.from(str(value))
      .slice(0, places === undefined ? undefined : Number(places))
      .join('');
  if (!isNumber(value) || isLarge(value) || Number(places ?? 0) > 20) return undefined;
  const number = Number(value.value);
  const plus = number < 0 ? '' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  if (letter === 'f') return plus + fixed(number, Number(places ?? 6));
  if ((letter === 'd' || letter === 'i') && places === undefined) return plus + String(Math.trunc(number));
  return undefined;
}
