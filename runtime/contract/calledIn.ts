import { isNone } from './isNone.js';
import { isObject } from './isObject.js';
import { callText } from './generation.js';
import { CALLING } from './speakers.js';

/** What a message of a data file calls, as people read it (`callText`), in any of the notations of such files. */
export function calledIn(turn: Readonly<Record<string, unknown>>): string[] {
  const fields = [turn['tool_calls'], turn['function_call'], turn['from'] === CALLING ? turn['value'] : []];
  const given = fields.find((field) => !isNone(field));
  return [parsed(given)].flat().flatMap((call: unknown) => {
    if (!isObject(call)) return [];
    const { name, arguments: of = {} } = isObject(call['function']) ? call['function'] : call;
    const text = typeof of === 'string' ? of : textOf(of);
    return typeof name === 'string'
      ? [callText({ type: 'function', function: { name, arguments: text || '{}' } })]
      : [];
  });
}

/** '' for what is nested too deeply, which is no row either. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}

function parsed(given: unknown): unknown {
  if (typeof given !== 'string') return given ?? [];
  try {
    return JSON.parse(given) as unknown;
  } catch {
    return [];
  }
}
