/** Seeded changes to bytes, texts and JSON. */
import type { Random } from '../../runtime/support/random.js';

type Json = Record<string, unknown>;

/** Numbers that break sums, products, shifts and allocations. */
const NUMBERS: readonly bigint[] = [
  ...[0n, 1n, 2n, 127n, 255n, 256n, 65535n, 2n ** 24n, 2n ** 28n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n],
  ...[2n ** 32n, 2n ** 40n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 60n, 2n ** 62n, 2n ** 63n, 2n ** 64n - 1n],
];

/**
 * One to three changes: cut off, inserted, moved, repeated or overwritten bytes, and whole numbers written over. Three
 * of four lie before `hot`.
 */
export function damageBytes(source: Uint8Array, rng: Random, hot = source.length): Buffer<ArrayBuffer> {
  let bytes = Buffer.from(source);
  for (let n = 1 + rng.int(3); n > 0 && bytes.length > 0; n--) {
    const at = rng.int(rng.int(4) ? Math.min(hot, bytes.length) : bytes.length);
    const kind = rng.int(16);
    if (kind === 0) bytes = bytes.subarray(0, at);
    else if (kind === 1)
      bytes = Buffer.concat([bytes.subarray(0, at), Buffer.alloc(1 + rng.int(9), rng.int(256)), bytes.subarray(at)]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + rng.int(9))]);
    else if (kind === 3) bytes.copyWithin(at, rng.int(bytes.length), rng.int(bytes.length));
    else if (kind === 4 && at + 8 <= bytes.length) bytes.writeBigUInt64LE(rng.pick(NUMBERS), at);
    else if (kind === 5 && at + 4 <= bytes.length)
      bytes.writeUInt32LE(Number(BigInt.asUintN(32, rng.pick(NUMBERS))), at);
    else if (kind === 6) bytes[at] = (bytes[at] ?? 0) ^ (1 << rng.int(8));
    else bytes[at] = rng.pick([0, 1, 127, 128, 255, rng.int(256), rng.int(256)]);
  }
  return bytes;
}

/** One to three changes: characters and pieces cut out, repeated, moved, or replaced by one of `words`. */
export function damageText(source: string, rng: Random, words: readonly string[]): string {
  let text = source;
  for (let n = 1 + rng.int(3); n > 0; n--) {
    const at = rng.int(text.length + 1);
    const kind = rng.int(8);
    if (kind === 0) text = text.slice(0, at);
    else if (kind === 1) text = text.slice(0, at) + text.slice(at + 1 + rng.int(20));
    else if (kind === 2) text = text.slice(0, at) + text.slice(rng.int(text.length + 1)).slice(0, 40) + text.slice(at);
    else text = text.slice(0, at) + rng.pick(words) + text.slice(at + rng.int(4));
  }
  return text;
}

export const JSON_WORDS: readonly string[] = [
  ...[
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '9',
    '-',
    'e',
    '.',
    'null',
    'true',
    '\\u0000',
    '\\ud800',
    '\0',
    '\ufeff',
    'é',
    '🙂',
  ],
  ...['1e400', '-1e400', '9007199254740993', '/*', '//', '[[[[[[', '{"a":'],
];

/** Stands in a value for what only the text of a JSON file can say. */
const [RAW, END] = ['<raw<', '>raw>'];
const raw = (text: string): string => RAW + text + END;
const DEPTH = 20_000;
const RAW_VALUES: readonly string[] = [
  ...['1e400', '-1e400', '-0', '9007199254740993', '1152921504606846976', '123456789012345678901234567890'],
  ...['{"__proto__":{"a":1}}', '{"constructor":1,"toString":2,"hasOwnProperty":3,"length":-1}', '"\\ud800"'],
];

const VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    1,
    -1,
    0.5,
    3,
    7,
    64,
    4096,
    65536,
    2 ** 24,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    1e18,
    1e308,
    -1e308,
    5e-324,
  ],
  ...[
    '',
    'x',
    '0',
    '__proto__',
    'constructor',
    'é'.repeat(50),
    'x'.repeat(5000),
    '../../etc/passwd',
    '/etc/passwd',
    '\0',
    '\ud800',
  ],
  ...['(', '(a+)+$', '(.*)*x', '(\\w+\\.?)+#', '.*.*.*.*#', '$&', '\\', '[', '▁', ' '],
  ...[
    [],
    {},
    [[]],
    [null],
    [1],
    ['x'],
    [0, -1],
    [1, 2 ** 53],
    [2 ** 26, 2 ** 27],
    [[1, [2, [3]]]],
    { a: 1 },
    { '': null },
  ],
  ...[{ type: 'Sequence' }, { '(': 1 }, { length: 2 ** 32 - 1 }],
];
const KEYS: readonly string[] = ['__proto__', 'constructor', 'toString', 'length', '', 'type', 'x', '0'];

/**
 * One to three changes anywhere in a JSON value: removed, replaced (by junk, by another part of the value, by lists of
 * lists without end), renamed, moved, repeated. Of objects and lists with more than 40 entries only a few are looked
 * at.
 * @returns the text: JSON's own traps (1e400, two equal keys, `__proto__`) are no JavaScript values.
 */
export function damageJson(source: unknown, rng: Random, values: readonly unknown[] = VALUES): string {
  const root = { value: structuredClone(source) };
  for (let n = 1 + rng.int(3); n > 0; n--) {
    const places: [parent: Json, key: string][] = [];
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      const keys = Object.keys(value);
      for (const key of keys.length > 40 ? [rng.pick(keys), rng.pick(keys)] : keys) {
        places.push([value as Json, key]);
        visit((value as Json)[key]);
      }
    };
    visit(root);
    if (places.length === 0) break;
    const [parent, key] = rng.pick(places);
    const old = parent[key];
    const kind = rng.int(32);
    if (kind < 5) remove(parent, key);
    else if (kind < 17) parent[key] = structuredClone(rng.pick(rng.int(3) ? values : VALUES));
    else if (kind < 21) {
      const [from, name] = rng.pick(places);
      parent[key] = structuredClone(from[name]);
    } else if (kind < 23) parent[key] = raw(rng.pick(RAW_VALUES));
    else if (kind === 23) parent[key] = raw(nested(rng));
    else if (kind < 26) {
      if (Array.isArray(parent)) parent.push(old);
      else parent[rng.pick(KEYS)] = old;
    } else if (kind === 26) parent[key] = [old, structuredClone(old)];
    else if (kind === 27 && Array.isArray(old) && old.length < 1000)
      parent[key] = [...(old as unknown[]), ...(old as unknown[])];
    else if (typeof old === 'number') parent[key] = rng.pick([old + 1, old - 1, -old, old * 2, old / 2, old * 1e9]);
    else if (typeof old === 'string' && !old.includes(RAW))
      parent[key] = old.slice(rng.int(5)) + rng.pick(['', 'x', '\ud800', '\0', old]);
    else parent[key] = 7;
  }
  return jsonText(root.value);
}

/** The text of a value with its raw parts, which stand in it as texts. */
function jsonText(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  if (!text.includes(RAW)) return text;
  return text
    .split(`"${RAW}`)
    .map((part, i) => {
      if (i === 0) return part;
      const end = part.indexOf(`${END}"`);
      return (JSON.parse(`"${part.slice(0, end)}"`) as string) + part.slice(end + END.length + 1);
    })
    .join('');
}

/** The same for a text: one that is no JSON, or is nested too deeply to be walked, is changed as a text. */
export function damageJsonText(
  text: string,
  rng: Random,
  values: readonly unknown[] = VALUES,
  words: readonly string[] = JSON_WORDS,
): string {
  try {
    return damageJson(JSON.parse(text), rng, values);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    return damageText(text, rng, words);
  }
}

/** The same for the JSON header of a safetensors file; the rest, and a file without a header, is changed as bytes. */
export function damageSafetensors(bytes: Uint8Array, rng: Random, values: readonly unknown[]): Buffer {
  const source = Buffer.from(bytes);
  const end = source.length < 8 ? 0 : 8 + Number(source.readBigUInt64LE(0));
  if (rng.int(2) || end < 10 || end > source.length) return damageBytes(source, rng, Math.min(end, 300));
  const header = Buffer.from(damageJsonText(source.toString('utf8', 8, end), rng, values));
  const damaged = Buffer.concat([lengthOf(header), header, source.subarray(end)]);
  return rng.int(8) ? damaged : damageBytes(damaged, rng, 300);
}

/** As it stands in front of a header. */
export function lengthOf(header: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return length;
}

function nested(rng: Random): string {
  const [open, inner, close] = rng.pick([
    ['[', '', ']'],
    ['{"a":', '1', '}'],
    ['[{"a":', '[]', '}]'],
  ] as const);
  return open.repeat(DEPTH) + inner + close.repeat(DEPTH);
}

function remove(parent: Json, key: string): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else Reflect.deleteProperty(parent, key);
}
