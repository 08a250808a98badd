import { isObject } from './isObject.js';
import { callText } from './generation.js';

/** What a message of a data file calls, as people read it (`callText`), in any of the notations of such files. */
export function calledIn(turn: Readonly<Record<string, unknown>>): string[] {
  const given =
    turn['tool_calls'] ?? turn['function_call'] ?? (turn['from'] === 'function_call' ? turn['value'] : undefined);
  return [parsed(given)].flat().flatMap((call: unknown) => {
    if (!isObject(call)) return [];
    const { name, arguments: of = {} } = isObject(call['function']) ? call['function'] : call;
    const text = typeof of === 'string' ? of : JSON.stringify(of);
    return typeof name === 'string'
      ? [callText({ type: 'function', function: { name, arguments: text || '{}' } })]
      : [];
  });
}

function parsed(given: unknown): unknown {
  if (typeof given !== 'string') return given ?? [];
  try {
    return JSON.parse(given) as unknown;
  } catch {
    return [];
  }
}
