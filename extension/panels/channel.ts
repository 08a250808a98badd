import { safeParse } from '../../runtime/contract/safeParse.js';
import * as z from 'zod';
import type { HostMessage, Outcome } from '../../webview/protocol/envelope.js';
import type { Disposable } from '../host/disposable.js';
import { Cancelled, errorData } from '../host/errors.js';

/** The part of `vscode.Webview` that talks. */
export interface Port {
  postMessage(message: unknown): PromiseLike<unknown>;
  onDidReceiveMessage(listener: (message: unknown) => unknown): Disposable;
}

export interface Channel<Event> extends Disposable {
  post(event: Event): void;
}

const MESSAGE = z.object({ id: z.number(), request: z.unknown().optional() });

/**
 * The host's end of a page. Every request is answered once, with its result, an error or a cancellation, and in one
 * place; `onBug` hears errors that are not for people, and requests that are none.
 */
export function serve<Event, Request>(
  port: Port,
  requests: z.ZodType<Request>,
  handle: (request: Request) => unknown,
  onBug: (error: unknown) => void,
): Channel<Event> {
  const send = (message: HostMessage<Event>): void => void port.postMessage(message);
  const subscription = port.onDidReceiveMessage(async (message) => {
    const { id, request } = safeParse(MESSAGE, message).data ?? {};
    // Without a number there is nothing to answer.
    if (id !== undefined) send({ reply: id, outcome: await outcomeOf(() => handle(asked(requests, request)), onBug) });
  });
  return { post: (event) => send({ event }), dispose: () => subscription.dispose() };
}

function asked<Request>(requests: z.ZodType<Request>, request: unknown): Request {
  const { data, success } = safeParse(requests, request);
  if (!success) throw new Error('the page sent a request of an unknown form.');
  return data;
}

async function outcomeOf(run: () => unknown, onBug: (error: unknown) => void): Promise<Outcome> {
  try {
    await run();
    return { kind: 'result' };
  } catch (error) {
    if (error instanceof Cancelled) return { kind: 'cancelled' };
    const data = errorData(error);
    if (data.kind === 'internal') onBug(error);
    return { kind: 'error', error: data };
  }
}
