import type * as z from 'zod';
import { isObject } from '../contract/isObject.js';
import type { RequestName, Requests } from '../contract/protocol.js';
import { REQUESTS } from '../contract/requests.js';
import { safeParse } from '../contract/safeParse.js';
import { HumanError } from '../support/errors.js';

/**
 * The parameters of a request, and its number.
 * @throws HumanError for a missing, unknown or wrong parameter, with its name
 */
export function checkedRequest<K extends RequestName>(
  name: K,
  sent: unknown,
): { id: number; params: Requests[K]['params'] } {
  const { id, ...params } = isObject(sent) ? sent : {};
  if (!Number.isSafeInteger(id)) throw badRequest(name, 'id', 'it has no number');
  const schemas: { [N in RequestName]: z.ZodType<Requests[N]['params']> } = REQUESTS;
  const checked = safeParse(schemas[name], params);
  if (checked.success) return { id: id as number, params: checked.data };
  const issue = checked.error.issues[0];
  throw badRequest(name, issue.path.join('.'), issue.message.slice(0, 500));
}

const badRequest = (name: string, parameter: string, why: string): HumanError =>
  new HumanError(`the request "${name}" is not understood: ${why}.`, {
    place: parameter || undefined,
    remedy: 'Report this: the extension and its engine do not match.',
  });
