/** A sweep as a table of points: which there are, what each sets, and how they stand beside each other. Pure. */
import type * as z from 'zod';
import type { pointSchema } from './events.js';
import type { SweepRecipe } from './recipeSweep.js';

/** Axis → the value that the point has there; of named settings, their name. */
export type SweepValues = Record<string, unknown>;
export type Over = SweepRecipe['over'];

export type SweepPoint = z.infer<typeof pointSchema>;

/** sweep.json. */
export interface SweepFile {
  version: 1;
  over: Over;
  /** Those that are done, in the order of the grid. */
  points: SweepPoint[];
  /** How many there are in all. */
  of: number;
}

/** Whether a point could not be run to its end. */
export const isFailed = ({ verdict }: Pick<SweepPoint, 'verdict'>): boolean => verdict === 'failed';

/** Whether nothing protects a point. */
export const isPlain = ({ plain }: Pick<SweepPoint, 'plain'>): boolean => plain === true;

/** The axis of seeds: figures are taken together over it. */
export const SEED = 'seed';

/** The values of an axis, in order. */
export const valuesOf = (axis: Over[string]): unknown[] => (Array.isArray(axis) ? axis : Object.keys(axis));

/** Points of a sweep are runs: more than this nobody waits for. */
export const MAX_POINTS = 10_000;

/** Combinations of values. */
export const pointCount = (over: Record<string, object>): number =>
  Object.values(over).reduce((product, values) => product * Object.keys(values).length, 1);

/** `over` of a recipe that was not checked; undefined where it cannot be drawn. */
export function overOf(recipe: Record<string, unknown> | undefined): Over | undefined {
  const over = recipe?.over;
  const isAxis = (axis: unknown): boolean => typeof axis === 'object' && axis !== null && Object.keys(axis).length > 0;
  if (typeof over !== 'object' || over === null || !Object.values(over).every(isAxis)) return undefined;
  return pointCount(over as Over) <= MAX_POINTS ? (over as Over) : undefined;
}

/** All combinations in the order of the grid: the last axis changes first. */
export function pointsOf(over: Over): SweepValues[] {
  return Object.entries(over).reduce<SweepValues[]>(
    (points, [key, axis]) => points.flatMap((point) => valuesOf(axis).map((value) => ({ ...point, [key]: value }))),
    [{}],
  );
}

/** Recipe keys, with dots, and what a point sets them to. */
export function settingsOf(over: Over, values: SweepValues): [key: string, value: unknown][] {
  return Object.entries(over).flatMap(([key, axis]): [string, unknown][] =>
    Array.isArray(axis) ? [[key, values[key]]] : Object.entries(axis[values[key] as string] ?? {}),
  );
}

/**
 * A value with one key in it set; nothing that was there is changed.
 * @param noPlace what stands there instead where what is `found` cannot have the part; it may throw
 */
export function withValue(
  target: unknown,
  [part, ...rest]: readonly string[],
  value: unknown,
  noPlace: (found: unknown, part: string) => unknown,
): unknown {
  if (part === undefined) return value;
  if (Array.isArray(target)) {
    const index = /^\d+$/.test(part) ? Number(part) : NaN;
    if (!(index < target.length)) return noPlace(target, part);
    return target.with(index, withValue(target[index], rest, value, noPlace));
  }
  if (target !== undefined && (typeof target !== 'object' || target === null)) return noPlace(target, part);
  const inner = (target as Record<string, unknown> | undefined)?.[part];
  return { ...target, [part]: withValue(inner, rest, value, noPlace) };
}

/** What two points have in common when they differ in their seed alone. */
export const withoutSeed = ({ [SEED]: _, ...others }: SweepValues): SweepValues => others;

export const sameValues = (a: SweepValues, b: SweepValues): boolean => canonical(a) === canonical(b);

/** JSON with sorted keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join()}}`;
}

/**
 * Whether the values of an axis are numbers in ascending or descending order, so that something lies between two of
 * them.
 */
export function isOrdered(axis: Over[string]): boolean {
  const values = valuesOf(axis);
  if (!values.every((value) => typeof value === 'number')) return false;
  const steps = values.slice(1).map((value, i) => Math.sign(value - values[i]));
  return steps.every((step) => step !== 0 && step === steps[0]);
}

/** A value in words: a number or name as it is, settings as JSON. */
export const valueText = (value: unknown): string => (typeof value === 'string' ? value : canonical(value));

/** Last part of a key: "learningRate". */
export const axisName = (key: string): string => key.slice(key.lastIndexOf('.') + 1);

/** "learningRate 0.003, protection true, seed 1". */
export const valuesText = (values: SweepValues): string =>
  Object.entries(values)
    .map(([key, value]) => `${axisName(key)} ${valueText(value)}`)
    .join(', ');
