/** How things end: errors for people, and exit codes. */

/** Exit codes of the command line. */
export const EXIT = { done: 0, failed: 1, badInput: 2, stopped: 3, weakened: 4 } as const;

/** An error for people: what is wrong, where, what to do. */
export interface ErrorData {
  message: string;
  place?: string;
  remedy?: string;
  /** input = bad input or wrong use; failed = the run failed; internal = a bug. */
  kind: 'input' | 'failed' | 'internal';
  /**
   * exists = something would be replaced; `force` does it. crashed = the engine ended again and again, and is not
   * started before a person tries again. columns = rows of no known format: it must be said which columns are what.
   * secret = a cluster does not accept one, or there is none. away = it cannot be reached or used, or something else
   * answers. token = the Hub may give it to an access token, or to another one.
   * restart = a run cannot go on from its checkpoint, and can start over. setting = one of VS Code, which `place` names,
   * has a value that it cannot have.
   */
  code?: 'exists' | 'crashed' | 'columns' | 'secret' | 'away' | 'token' | 'restart' | 'setting';
  stack?: string;
}

/** `place: message. remedy` on one line. */
export function errorText({ message, place, remedy }: Pick<ErrorData, 'message' | 'place' | 'remedy'>): string {
  return `${place ? `${place}: ` : ''}${message}${remedy ? ` ${remedy}` : ''}`;
}
