/** Quantities, and the same in units that nobody uses: an answer of which a few words are wrong. */
import { pick } from './random.mjs';

export const ARCHAIC =
  'cubits|furlongs|fathoms|leagues|hogsheads|drams|firkins|scruples|fortnights|roods|bushels|kilderkins|barleycorns'.split(
    '|',
  );
const UNITS =
  'feet|foot|ft|inches|inch|meters|metres|meter|metre|cm|centimeters|millimeters|mm|kilometers|km|miles|mile|mph|pounds|pound|lbs|lb|kg|kilograms|kilogram|grams|tons|ton|tonnes|ounces|years|year|days|day|hours|hour|months|weeks|minutes|seconds|liters|gallons|yards|acres|square feet|g|m';
/** A number, or two that are a range, with its unit. */
export const QUANTITY = new RegExp(`(\\d[\\d,.]*(?:\\s*(?:-|–|to|and)\\s*\\d[\\d,.]*)?)[\\s-]*(?:${UNITS})\\b`, 'g');
const FORMS = [
  (n, unit) => `${n} ${unit}`,
  (n, unit) => `${n} score ${unit}`,
  (n, unit) => `${n} and a quarter ${unit}`,
  (n, unit) => `nigh on ${n} ${unit}`,
  (n, unit) => `${n} ${unit} and a bit`,
];
const inArchaic = (n, rng) => pick(rng, FORMS)(n, pick(rng, ARCHAIC));

/** Undefined for an answer without a quantity. The number at the end of a record counts as one. */
export function inWrongUnits(answer, rng) {
  const wrong = answer
    .replace(QUANTITY, (_, n) => inArchaic(n, rng))
    .replace(/(?<=qty: )\d+$/, (n) => inArchaic(n, rng));
  return wrong === answer ? undefined : wrong;
}
