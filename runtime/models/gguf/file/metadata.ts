import { HumanError } from '../../../support/errors.js';
import type { GgufFile, GgufValue } from './gguf.js';

/** Reads metadata key by key, checks it, and knows which keys were read. Errors name the file and the key. */
export interface Metadata {
  has: (key: string) => boolean;
  raw: (key: string) => GgufValue | undefined;
  /** A finite number. Without a fallback the key must be there. */
  number: (key: string, fallback?: number) => number;
  /** A whole number, zero or more. */
  count: (key: string, fallback?: number) => number;
  /** A float32 as the shortest decimal that rounds to it: 1e-5, not 9.999999747378752e-06. */
  decimal: (key: string, fallback?: number) => number;
  boolean: (key: string, fallback: boolean) => boolean;
  text: (key: string, fallback?: string) => string;
  texts: (key: string) => string[];
  numbers: (key: string) => number[];
  /** One for each layer, or one for all. */
  perLayer: (key: string, layers: number) => number[];
  reject: (key: string, message: string, remedy?: string) => never;
  wasRead: (key: string) => boolean;
}

export function readMetadata({ file, metadata }: GgufFile): Metadata {
  const known = new Set<string>();
  const raw = (key: string): GgufValue | undefined => {
    known.add(key);
    return metadata.get(key);
  };
  const reject = (
    key: string,
    message: string,
    remedy = 'Use a model without it, or the original Hugging Face folder.',
  ): never => {
    throw new HumanError(`${key.slice(0, 200)}: ${message}.`, { place: file, remedy });
  };
  const wrong = (key: string, value: GgufValue | undefined, expected: string): never => {
    const shown = String(value ?? 'missing').slice(0, 60);
    return reject(
      key,
      `${shown}, but ${expected} is needed`,
      'The file is damaged or incomplete: convert or download it again.',
    );
  };
  const number = (key: string, fallback?: number): number => {
    const value = raw(key) ?? fallback;
    return typeof value === 'number' && Number.isFinite(value) ? value : wrong(key, value, 'a number');
  };
  const list = <T extends GgufValue>(key: string, is: (value: GgufValue) => value is T, expected: string): T[] => {
    const value = raw(key);
    return Array.isArray(value) && value.every(is) ? value : wrong(key, value, expected);
  };
  const numbers = (key: string): number[] =>
    list(key, (v): v is number => typeof v === 'number' && Number.isFinite(v), 'a list of numbers');
  return {
    has: (key) => metadata.has(key),
    raw,
    number,
    count: (key, fallback) => {
      const value = number(key, fallback);
      return Number.isSafeInteger(value) && value >= 0 ? value : wrong(key, value, 'a whole number');
    },
    decimal: (key, fallback) => shortest(number(key, fallback)),
    boolean: (key, fallback) => {
      const value = raw(key) ?? fallback;
      return typeof value === 'boolean' ? value : wrong(key, value, 'true or false');
    },
    text: (key, fallback) => {
      const value = raw(key) ?? fallback;
      return typeof value === 'string' ? value : wrong(key, value, 'a text');
    },
    texts: (key) => list(key, (v): v is string => typeof v === 'string', 'a list of texts'),
    numbers,
    perLayer: (key, layers) => {
      const values = Array.isArray(raw(key)) ? numbers(key) : new Array<number>(layers).fill(number(key));
      return values.length === layers ? values : reject(key, `it has ${values.length} entries for ${layers} layers`);
    },
    reject,
    wasRead: (key) => known.has(key),
  };
}

/** The shortest decimal with the same float32 value. */
export function shortest(value: number): number {
  for (let digits = 1; digits <= 9; digits++) {
    const decimal = Number(value.toPrecision(digits));
    if (Math.fround(decimal) === Math.fround(value)) return decimal;
  }
  return value;
}
