import type { HostMessage, Outcome, PageMessage } from '../../webview/protocol.js';
import type { Disposable } from '../disposable.js';
import { Cancelled, errorData } from '../errors.js';

/** The part of `vscode.Webview` that talks. */
export interface Port {
  postMessage(message: unknown): PromiseLike<unknown>;
  onDidReceiveMessage(listener: (message: unknown) => unknown): Disposable;
}

export interface Channel<Event> extends Disposable {
  post(event: Event): void;
}

/**
 * The host's end of a page. Every request is answered once, with its result, an error or a cancellation, and in one
 * place; `onBug` hears errors that are not for people.
 */
export function serve<Event, Request>(
  port: Port,
  handle: (request: Request) => unknown,
  onBug: (error: unknown) => void,
): Channel<Event> {
  const send = (message: HostMessage<Event>): void => void port.postMessage(message);
  const subscription = port.onDidReceiveMessage(async (message) => {
    if (!isPageMessage<Request>(message)) return;
    send({ reply: message.id, outcome: await outcomeOf(() => handle(message.request), onBug) });
  });
  return { post: (event) => send({ event }), dispose: () => subscription.dispose() };
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

function isPageMessage<Request>(message: unknown): message is PageMessage<Request> {
  const m = message as Partial<PageMessage<Request>> | null;
  return typeof m === 'object' && m !== null && typeof m.id === 'number' && typeof m.request === 'object';
}
