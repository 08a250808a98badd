import { safeParse } from '../../runtime/contract/safeParse.js';
import type * as vscode from 'vscode';
import * as z from 'zod';
import type { HostMessage, Outcome } from '../../webview/protocol/envelope.js';
import { Disposables, type Disposable } from '../host/disposable.js';
import { Cancelled, errorData } from '../host/errors.js';

/** The part of `vscode.Webview` that talks. */
export interface Port {
  postMessage(message: unknown): PromiseLike<unknown>;
  onDidReceiveMessage(listener: (message: unknown) => unknown): Disposable;
}

interface Channel<Event> extends Disposable {
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

/** The host's end of a page in a panel or a view. A hidden page is gone, and asks again when it is shown. */
export class PageChannel<Event, Request> implements Channel<Event> {
  /** Whether the page has asked for what it shows since it was last shown: before that nothing is posted. */
  ready = false;
  private readonly disposables = new Disposables();
  private readonly channel: Channel<Event>;

  constructor(
    page: vscode.WebviewPanel | vscode.WebviewView,
    requests: z.ZodType<Request>,
    handle: (request: Request) => unknown,
    onBug: (error: unknown) => void,
  ) {
    const changed = (): void => void (page.visible || (this.ready = false));
    this.channel = this.disposables.add(serve<Event, Request>(page.webview, requests, handle, onBug));
    this.disposables.add(
      'onDidChangeVisibility' in page ? page.onDidChangeVisibility(changed) : page.onDidChangeViewState(changed),
    );
  }

  post(event: Event): void {
    if (this.ready) this.channel.post(event);
  }

  dispose(): void {
    this.disposables.dispose();
  }
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
