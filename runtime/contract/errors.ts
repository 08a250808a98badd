/** How things end: errors for people, and exit codes. */
import type * as z from 'zod';
import type { errorSchema } from './errorSchema.js';

/** Exit codes of the command line. */
export const EXIT = { done: 0, failed: 1, badInput: 2, stopped: 3, weakened: 4 } as const;

export type ErrorData = z.infer<typeof errorSchema>;

/** `place: message. remedy` on one line. */
export function errorText({ message, place, remedy }: Pick<ErrorData, 'message' | 'place' | 'remedy'>): string {
  return `${place ? `${place}: ` : ''}${message}${remedy ? ` ${remedy}` : ''}`;
}
