import { isObject } from '../../contract/isObject.js';
import { sha256 } from '../../support/files.js';
import type { DecoderSpec } from './spec.js';

/** What a model is called, how long its rows may be, and the base of angles that the spec has, too. */
const NOT_COMPUTED = new Set(['family', 'architecture', 'contextLength', 'theta']);
/** Of a number: the last digits of a power are not the same everywhere. */
const DIGITS = 6;

/**
 * A name for what is computed with the weights of a model: the same where configs say the same in other words. What an
 * adapter was trained for is something else where it differs.
 * @returns a SHA-256
 */
export const computationOf = (spec: DecoderSpec): string =>
  sha256(
    JSON.stringify(spec, (_, value: unknown) => {
      if (typeof value === 'number') return Number(value.toPrecision(DIGITS));
      if (!isObject(value)) return value;
      const computed = Object.entries(value).filter(([key]) => !NOT_COMPUTED.has(key));
      return Object.fromEntries(computed.sort(([a], [b]) => (a < b ? -1 : 1)));
    }),
  );
