import * as z from 'zod';

/**
 * What `schema.safeParse` is meant to be: zod compares a key named "length" of whatever it is given with a number, and
 * throws where that value has no primitive form.
 */
export function safeParse<T>(schema: z.ZodType<T>, value: unknown): z.ZodSafeParseResult<T> {
  try {
    return schema.safeParse(value);
  } catch {
    const message = 'there is an object where a text, number or list was expected';
    const error = new z.ZodError([{ code: 'custom', path: [], message, input: value }]);
    return { success: false, error: error as z.ZodError<T> };
  }
}
