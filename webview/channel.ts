import type { ErrorData } from '../runtime/contract/errors.js';
import type { HostMessage, PageMessage } from './protocol/envelope.js';

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}
declare function acquireVsCodeApi(): VsCodeApi;

/** A request that the host answered with an error. */
export class RequestError extends Error {
  constructor(readonly data: ErrorData) {
    super(data.message);
    this.name = 'RequestError';
  }
}

interface Channel<Request, State> {
  /** Resolves to false when the request was cancelled, rejects with RequestError when it failed. */
  request(request: Request): Promise<boolean>;
  state: State | undefined;
}

/** The page's one connection to the host. `onEvent` gets what the host sends unasked. */
export function openChannel<Event, Request, State>(onEvent: (event: Event) => void): Channel<Request, State> {
  const api = acquireVsCodeApi();
  const waiting = new Map<number, { resolve: (done: boolean) => void; reject: (error: Error) => void }>();
  let last = 0;
  window.addEventListener('message', ({ data }: MessageEvent<HostMessage<Event>>) => {
    if ('event' in data) return onEvent(data.event);
    const request = waiting.get(data.reply);
    if (!request) return;
    waiting.delete(data.reply);
    if (data.outcome.kind === 'error') request.reject(new RequestError(data.outcome.error));
    else request.resolve(data.outcome.kind === 'result');
  });
  return {
    request: (request) =>
      new Promise((resolve, reject) => {
        const id = ++last;
        waiting.set(id, { resolve, reject });
        api.postMessage({ id, request } satisfies PageMessage<Request>);
      }),
    // The host wrote this state itself, through `setState` below; nobody else can.
    get state() {
      return api.getState() as State | undefined;
    },
    set state(state) {
      api.setState(state);
    },
  };
}
