import { isObject } from '../../contract/isObject.js';
import { sha256 } from '../../support/files.js';
import type { DecoderSpec } from './spec.js';

/** What a model is called, how long its rows may be, and the base of angles that the spec has, too. */
const NOT_COMPUTED = new Set(['family', 'architecture', 'contextLength', 'theta']);
/** Of a number: the last digits of a power are not the same everywhere. */
const DIGITS = 6;

/** Of how specs are described: raised where the same config has another spec. */
const VERSION = '1';

/** Whether two names say that something else is computed: those of different versions say nothing of each other. */
export function isOtherComputation(one: string, other: string): boolean {
  const [version] = one.split('-');
  return one !== other && other.startsWith(`${version}-`);
}

/**
 * A name for what is computed with the weights of a model: the same where configs say the same in other words. What an
 * adapter was trained for is something else where it differs.
 * @returns the version and a SHA-256
 */
export const computationOf = (spec: DecoderSpec): string =>
  `${VERSION}-${sha256(
    JSON.stringify(spec, (_, value: unknown) => {
      if (typeof value === 'number') return Number(value.toPrecision(DIGITS));
      if (!isObject(value)) return value;
      const computed = Object.entries(value).filter(([key]) => !NOT_COMPUTED.has(key));
      return Object.fromEntries(computed.sort(([a], [b]) => (a < b ? -1 : 1)));
    }),
  )}`;
