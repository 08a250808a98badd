/**
 * Numbers, texts and lists of recipes. Every number has a largest value, far beyond what is useful: a slip or a hostile
 * recipe is an error at its line, not a run that fills the memory or never ends. The editor's descriptions end with it
 * (build.mjs).
 */
import * as z from 'zod';

export const MAX_STEPS = 10_000_000;
export const number = (most: number) => z.number().max(most, `this is more than ${most}, the largest value here`);
export const whole = (most: number) => number(most).int().min(0);
export const count = (most: number) => whole(most).positive();
export const path = z.string().min(1).max(4096, 'this path has more than 4096 characters');
export const list = <T extends z.ZodType>(item: T, most: number) =>
  z.array(item).max(most, `this list has more than ${most} entries`);
/** A list whose entries are known by their names. @param what they are */
export const distinct = <T extends z.ZodType<{ name: string }>>(entries: z.ZodArray<T>, what: string) =>
  entries.superRefine((all, context) => {
    const names = all.map(({ name }) => name);
    names.forEach((name, i) => {
      if (names.indexOf(name) === i) return;
      const message = `"${name}" is the name of two ${what}, and results are known by it: give one another name`;
      context.addIssue({ code: 'custom', message, path: [i, 'name'] });
    });
  });
export const text = z.string().min(1).max(4096, 'this text has more than 4096 characters');
/** What is looked for in answers. */
export const phrase = text.regex(/\S/, 'this phrase has nothing but white space, which is never found');
export const rows = count(1e9);
export const fraction = number(1).min(0);
/** Of a decaying mean: with 1 it would never move from zero. */
export const decay = z.number().min(0).lt(1, 'this must be less than 1');
export const rate = z.number().gt(0).lt(1, 'this must be less than 1');
