/** Whether the axes of a sweep say what its points are. Pure. */
import { valueAt } from './recipeInputs.js';
import { canonical, valueText, type Over } from './sweep.js';

interface AxisFault {
  /** Within `over`. */
  path: (string | number)[];
  message: string;
}

/** Keys of a recipe that are the same in all points, or that the sweep gives to each. */
const NO_AXES = ['$schema', 'kind', 'output'];

/**
 * The first reason why points would not be what they are called. A point has the values of all its axes, and each once:
 * no value stands twice, and no later axis overwrites one. Of named settings a later axis may overwrite some, but no
 * setting in every point.
 */
export function axisFault(over: Over): AxisFault | undefined {
  const axes = Object.entries(over);
  for (const [i, [name, axis]] of axes.entries()) {
    const fault = Array.isArray(axis) ? twice(name, axis) : undefined;
    if (fault) return fault;
    const [same] =
      settings(name, axis)
        .flat()
        .find(([key]) => NO_AXES.includes(key)) ?? [];
    if (same !== undefined) return { path: [name], message: `no point of a sweep has its own "${same}"` };
    for (const [later, other] of axes.slice(i + 1)) {
      const key = overwritten(settings(name, axis).flat(), settings(later, other), Array.isArray(axis));
      if (key === undefined) continue;
      const message = `the axis "${later}" sets "${key}" and overwrites what the axis "${name}" sets`;
      return { path: [later], message };
    }
  }
  return undefined;
}

function twice(name: string, values: readonly unknown[]): AxisFault | undefined {
  const seen = new Set<string>();
  for (const [i, value] of values.entries()) {
    if (seen.has(canonical(value))) {
      const message = `the value ${valueText(value)} appears twice here`;
      return { path: [name, i], message };
    }
    seen.add(canonical(value));
  }
  return undefined;
}

type Setting = [key: string, value: unknown];

/** What each value of an axis sets. */
const settings = (name: string, axis: Over[string]): Setting[][] =>
  Array.isArray(axis) ? axis.map((value) => [[name, value]]) : Object.values(axis).map((of) => Object.entries(of));

/** The key by which one of the settings is overwritten, by any value of the later axis or by all of them. */
function overwritten(own: readonly Setting[], later: readonly Setting[][], byAny: boolean): string | undefined {
  for (const setting of own) {
    const keys = later.map((value) => value.find(([key]) => overwrites(key, setting))?.[0]);
    if (byAny ? keys.some((key) => key !== undefined) : !keys.includes(undefined)) return keys.find(Boolean);
  }
  return undefined;
}

/** Of a value that is an object, a later key may set what it leaves open. */
const overwrites = (later: string, [key, value]: Setting): boolean =>
  later === key ||
  key.startsWith(`${later}.`) ||
  (later.startsWith(`${key}.`) && valueAt(value, later.slice(key.length + 1)) !== undefined);
