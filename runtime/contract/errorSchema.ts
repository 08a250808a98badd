import * as z from 'zod';
import { known, record, text } from './kept.js';

/** An error for people: what is wrong, where, what to do. */
export const errorSchema = record({
  message: text,
  place: text.optional(),
  remedy: text.optional(),
  /** input = bad input or wrong use; failed = the run failed; internal = a bug. */
  kind: z.enum(['input', 'failed', 'internal']),
  /**
   * exists = something would be replaced; `force` does it. crashed = the engine ended again and again, and is not
   * started before a person tries again. columns = rows of no known format: it must be said which columns are what.
   * secret = a cluster does not accept one, or there is none. away = it cannot be reached or used, or something else
   * answers. token = the Hub may give it to an access token, or to another one.
   * restart = a run cannot go on from its checkpoint, and can start over. setting = one of VS Code, which `place` names,
   * has a value that it cannot have. folder, model = the window has none.
   */
  code: known(
    z.enum([
      'exists',
      'crashed',
      'columns',
      'secret',
      'away',
      'token',
      'restart',
      'setting',
      'folder',
      'model',
      'vector',
    ]),
  ),
  stack: text.optional(),
});
