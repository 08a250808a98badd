/**
 * What the extension host and its pages say to each other. Each page has a file here: two unions (`…Event` host → page,
 * `…Request` page → host), the data they carry, and the English strings of the page, which the host translates.
 *
 * The host owns the truth. It answers `ready` (and its panel becoming visible again) with a full snapshot and sends
 * appends in between. Every request is answered once: with its result, an error or a cancellation.
 */
import type { ErrorData } from '../../runtime/contract/errors.js';

/** Page → host. `id` counts up from 1 in each page. */
export interface PageMessage<Request> {
  id: number;
  request: Request;
}

/** How a request ended. */
export type Outcome = { kind: 'result' } | { kind: 'error'; error: ErrorData } | { kind: 'cancelled' };

/** Host → page: something happened, or the answer to the request with the id `reply`. */
export type HostMessage<Event> = { event: Event } | { reply: number; outcome: Outcome };
