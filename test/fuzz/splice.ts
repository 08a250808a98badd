/** A new input out of two. */
import type { Random } from '../../runtime/support/random.js';
import { damageJson } from './damage.js';

type Fields = Record<string, unknown>;

/**
 * Texts and bytes: the beginning of one and the end of the other; JSON: a part of one in the other; else some field of
 * the other.
 */
export function splice(a: unknown, b: unknown, rng: Random): unknown {
  if (typeof a === 'string' && typeof b === 'string') return spliceTexts(a, b, rng);
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    const at = rng.int(a.length + 1);
    return Buffer.concat([a.subarray(0, at), b.subarray(rng.int(2) ? at : rng.int(b.length + 1))]);
  }
  if (!isFields(a) || !isFields(b) || Object.keys(b).length === 0) return b;
  const key = rng.pick(Object.keys(b));
  const value = key in a && rng.int(2) ? splice(a[key], b[key], rng) : b[key];
  if (!Array.isArray(a)) return { ...a, [key]: value };
  return Object.assign([...(a as unknown[])], { [Math.min(Number(key) || 0, a.length)]: value });
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !(value instanceof Uint8Array);

function spliceTexts(a: string, b: string, rng: Random): string {
  try {
    if (rng.int(4)) return damageJson(JSON.parse(a), rng, parts(JSON.parse(b), rng));
  } catch (error) {
    // No JSON, or nested too deeply to be walked.
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
  }
  return a.slice(0, rng.int(a.length + 1)) + b.slice(rng.int(b.length + 1));
}

/** Some values inside of a value. */
function parts(value: unknown, rng: Random): unknown[] {
  const found = [value];
  for (let inner = value; isFields(inner) && Object.keys(inner).length > 0; found.push(inner))
    inner = inner[rng.pick(Object.keys(inner))];
  return found;
}
