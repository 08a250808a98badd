/** Parts of schemas. */
import * as z from 'zod';

/** A schema for every key of T. */
export type Shape<T> = { [K in keyof T]-?: z.ZodType<T[K]> };

/** One of the words of a union, all of which are given. */
export const oneOf = <T extends string>(words: Record<T, true>): z.ZodType<T> => z.enum(Object.keys(words) as T[]);
/** JSON has no NaN and no infinity: they are written as null. */
export const number = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);
export const text = z.string();
export const flag = z.boolean().optional();
