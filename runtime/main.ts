/** Child-process entry: the calls over JSON-RPC on the fork's channel. Ends when its parent does. */
import {
  CancellationTokenSource,
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  ResponseError,
  type CancellationToken,
} from 'vscode-jsonrpc/node';
import { calls } from './calls/calls.js';
import type { Reporter } from './calls/reporter.js';
import { Cancelled, errorData, HumanError, unless } from './support/errors.js';
import { memoryLimit, OTHER_LIMIT, watchMemory } from './support/memory.js';
import type { ErrorData } from './contract/errors.js';
import type { RunEvent } from './contract/events.js';
import type { HostRequests, ModelReply, Notifications, NotificationName, RequestName } from './contract/protocol.js';
import { checkedRequest } from './calls/requests.js';

/** Notifications of one kind are sent at most this often. */
const INTERVAL_MS = 100;
/** JSON-RPC's number for a request that was cancelled (Language Server Protocol). */
const CANCELLED = -32800;
const FAILED = -32000;

const connection = createMessageConnection(new IPCMessageReader(process), new IPCMessageWriter(process));
const send = <K extends NotificationName>(name: K, params: Notifications[K]): void =>
  void connection.sendNotification(name, params);

/** Collects what is reported within an interval, so that a fast run does not flood the host. */
function batched<T>(deliver: (items: T[]) => void): { push: (item: T) => void; flush: () => void } {
  let items: T[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (items.length > 0) deliver(items);
    items = [];
  };
  let last = -INTERVAL_MS;
  return {
    flush,
    push(item) {
      items.push(item);
      // a run blocks the thread for seconds, so that timers come late: look at the clock too
      if (performance.now() - last >= INTERVAL_MS) {
        last = performance.now();
        flush();
      } else timer ??= setTimeout(flush, INTERVAL_MS);
    },
  };
}

function handle<K extends RequestName>(name: K): void {
  connection.onRequest<unknown, ErrorData>(name, async (sent: unknown, token: CancellationToken) => {
    let request: ReturnType<typeof checkedRequest<K>>;
    try {
      memoryLimit();
      request = checkedRequest(name, sent);
    } catch (error) {
      return failure(error);
    }
    const { id, params } = request;
    const abort = new AbortController();
    // Cancelled before it was dispatched: such a token is cancelled from the start and never fires.
    if (token.isCancellationRequested) abort.abort();
    token.onCancellationRequested(() => abort.abort());
    const events = batched<RunEvent>((items) => send('events', { id, events: items }));
    const tokens = batched<string>((items) => send('token', { id, text: items.join('') }));
    let lastProgress = -INTERVAL_MS;
    const reporter: Reporter = {
      signal: abort.signal,
      onEvent: events.push,
      onToken: tokens.push,
      onRows: (rows) => send('rows', { id, rows }),
      onProgress: (message, fraction) => {
        if (performance.now() - lastProgress < INTERVAL_MS) return;
        lastProgress = performance.now();
        send('progress', { id, message, fraction });
      },
      askEditor: (asked, signal) => askHost({ id, ...asked }, signal),
      onLog: (level, message) => send('log', { level, message }),
    };
    try {
      return await calls[name](params, reporter);
    } catch (error) {
      if (error instanceof Cancelled) return new ResponseError(CANCELLED, 'stopped on request');
      return failure(error);
    } finally {
      events.flush();
      tokens.flush();
    }
  });
}

/** Ends when the host has answered, or the signal fires. */
async function askHost(asked: HostRequests['askModel']['params'], signal: AbortSignal): Promise<ModelReply> {
  const source = new CancellationTokenSource();
  const stop = (): void => source.cancel();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await connection.sendRequest<ModelReply>('askModel', asked, source.token);
  } finally {
    signal.removeEventListener('abort', stop);
    source.dispose();
  }
}

function failure(error: unknown): ResponseError<ErrorData> {
  const data = errorData(error);
  if (data.stack) send('log', { level: 'error', message: data.stack });
  return new ResponseError<ErrorData>(FAILED, data.message, data);
}

// Where it is no number, requests say so.
const limit = unless(HumanError, memoryLimit);
if (limit !== undefined) watchMemory(limit, OTHER_LIMIT);
for (const name of Object.keys(calls) as RequestName[]) handle(name);
process.on('disconnect', () => process.exit(0));
connection.listen();
