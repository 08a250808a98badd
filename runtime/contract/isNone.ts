import { isObject } from './isObject.js';

export const isThere = (value: unknown): boolean => value !== undefined && value !== null;

/** Nothing, an empty list, or an object in which nothing is set, also as text. */
export const isNone = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.length === 0;
  if (isObject(value)) return !Object.values(value).some(isThere);
  return !isThere(value) || (typeof value === 'string' && /^\s*(\[\s*\]|\{\s*\}|null)?\s*$/.test(value));
};
