/**
 * Parts of the schemas of what a run keeps and tells. Another version may have written it: keys that are not known stay
 * as they are, and none of the types says so.
 */
import * as z from 'zod';
import { DEVICE_NAMES, type Device } from './recipeWords.js';

/** An object that has these keys, and may have others. */
export const record = <S extends z.ZodRawShape>(shape: S): z.ZodObject<S> => z.looseObject(shape);
/** What is left out where it is not of this form. */
export const known = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined);
/** JSON has no NaN and no infinity: they are written as null. */
export const number = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);
export const text = z.string();
export const range = z.tuple([number, number]);
export const device = z.enum(Object.keys(DEVICE_NAMES) as Device[]);
