import { fork, type ChildProcess } from 'node:child_process';
import { totalmem } from 'node:os';
import { basename } from 'node:path';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CancellationToken,
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  ResponseError,
  type MessageConnection,
} from 'vscode-jsonrpc/node';
import type { RunEvent } from '../../runtime/contract/events.js';
import type {
  ModelReply,
  NotificationName,
  Notifications,
  RequestName,
  Requests,
} from '../../runtime/contract/protocol.js';
import type { ScanRow } from '../../runtime/contract/scan.js';
import { Cancelled, HostError, isErrorData } from '../host/errors.js';
import type { Disposable } from '../host/disposable.js';
import type { AskModel } from './editorModels.js';
import { askedModel, notification } from './notifications.js';
import { oomKills } from './oomKills.js';
import { t } from '../host/text.js';
import { visible } from '../../runtime/contract/visible.js';

/** JSON-RPC code of a request that was cancelled (Language Server Protocol's number). */
const REQUEST_CANCELLED = -32800;
const LAST_LINES = 20;
/** Of JavaScript's own memory; weights and tensors lie outside of it, and the engine watches the whole itself. */
const HEAP_MB = Math.min(4096, Math.floor(totalmem() / 2 ** 21));

/** What may cancel a request; VS Code's and JSON-RPC's tokens both fit. */
export interface Token {
  readonly isCancellationRequested: boolean;
  onCancellationRequested(listener: () => unknown): Disposable;
}

/** What a request may hear while it runs. */
export interface Listener {
  token?: Token;
  onEvents?(events: RunEvent[]): void;
  onToken?(text: string): void;
  onRows?(rows: ScanRow[]): void;
  onProgress?(message: string, fraction?: number): void;
  /** The engine wants a language model of the editor asked. */
  onAsk?: AskModel;
}

type LogLevel = Notifications['log']['level'];

interface EngineOptions {
  /** The child's script: dist/engine.js. */
  entry: string;
  log(level: LogLevel, message: string): void;
  /** The child is let go after this long without a request; it holds memory for its models. */
  idleMs: number;
  /** Variables of the child's environment beyond the host's own. */
  environment(): Record<string, string>;
  /** Processes that the system has ended for their memory; undefined where it does not tell. */
  oomKills?(): number | undefined;
  /** Shared by all engines of a window, so that a child that dies at once is not started for ever. */
  restarts: RestartLimit;
}

/** At most `count` unexpected ends within `withinMs`; then starting again is refused until a person says so. */
export class RestartLimit {
  private crashes: number[] = [];
  constructor(
    readonly count = 4,
    readonly withinMs = 180_000,
    private readonly now: () => number = () => performance.now(),
  ) {}

  crashed(): void {
    this.crashes.push(this.now());
  }

  /** Called when a person asks to try again. */
  reset(): void {
    this.crashes = [];
  }

  get reached(): boolean {
    this.crashes = this.crashes.filter((at) => this.now() - at < this.withinMs);
    return this.crashes.length >= this.count;
  }
}

/**
 * An environment with these variables. Windows knows no case in their names: of two spellings the child would get the
 * host's own.
 */
export function environmentWith(
  given: Readonly<Record<string, string>>,
  own: Readonly<NodeJS.ProcessEnv> = process.env,
  platform: string = process.platform,
): NodeJS.ProcessEnv {
  const known = new Set(Object.keys(given).map((name) => name.toLowerCase()));
  const kept =
    platform === 'win32' ? Object.entries(own).filter(([name]) => !known.has(name.toLowerCase())) : Object.entries(own);
  return { ...Object.fromEntries(kept), ...given };
}

/**
 * ELECTRON_RUN_AS_NODE: in desktop VS Code the executable is Electron. UV_USE_IO_URING: Node 20.3 to 20.11.0, which the
 * oldest supported VS Code has, makes a ring in the kernel for each event loop, and so for each `withTimeLimit`, of
 * which a scan needs two per row; that took 4 of 5 seconds of a scan.
 */
const CHILD_ENVIRONMENT = { ELECTRON_RUN_AS_NODE: '1', UV_USE_IO_URING: '0' };

interface Child {
  process: ChildProcess;
  connection: MessageConnection;
  /** When the child ends: what a request fails with, as its last log lines say. */
  ended: Promise<(name: RequestName) => HostError>;
  /** The host let it go: its end is no crash. */
  leaving: boolean;
}

/**
 * One forked child that computes; started on the first request, let go when idle. A dead child fails its requests and
 * nothing else.
 */
export class Engine implements Disposable {
  private child: Child | undefined;
  private listeners = new Map<number, Listener>();
  private nextId = 1;
  private idle: NodeJS.Timeout | undefined;

  constructor(private readonly options: EngineOptions) {}

  /** The child's process id while there is one. */
  get pid(): number | undefined {
    return this.child?.process.pid;
  }

  /**
   * Ends with the result, `HostError` (the engine's error, or that it ended) or `Cancelled`; always with one of them.
   */
  async request<K extends RequestName>(
    name: K,
    params: Requests[K]['params'],
    listener: Listener = {},
  ): Promise<Requests[K]['result']> {
    if (listener.token?.isCancellationRequested) throw new Cancelled();
    // A child that is leaving takes no requests any more.
    if (this.child && !this.child.process.connected) this.child = undefined;
    const child = (this.child ??= this.start());
    const id = this.nextId++;
    clearTimeout(this.idle);
    this.listeners.set(id, listener);
    try {
      const token = (listener.token as CancellationToken | undefined) ?? CancellationToken.None;
      const result = child.connection.sendRequest<Requests[K]['result']>(name, { id, ...params }, token);
      const ended = child.ended.then((error): never => {
        throw error(name);
      });
      return await Promise.race([result, ended]);
    } catch (error) {
      throw await this.translated(error, name, child);
    } finally {
      this.listeners.delete(id);
      if (this.listeners.size === 0) this.idle = setTimeout(() => this.stop(), this.options.idleMs).unref();
    }
  }

  /** Lets the child go; it ends by itself when its channel closes, and is killed if it does not. */
  stop(): void {
    clearTimeout(this.idle);
    if (!this.child) return;
    const { process } = this.child;
    this.child.leaving = true;
    if (process.connected) process.disconnect();
    setTimeout(() => process.exitCode === null && process.signalCode === null && process.kill('SIGKILL'), 2000).unref();
  }

  dispose(): void {
    this.stop();
  }

  private start(): Child {
    const { entry, environment, restarts, log, oomKills: killed = oomKills } = this.options;
    const killedBefore = killed();
    if (restarts.reached) {
      const minutes = Math.round(restarts.withinMs / 60_000);
      throw new HostError({
        kind: 'failed',
        code: 'crashed',
        message: t('the engine ended {0} times within {1} minutes and is not started again.', restarts.count, minutes),
        remedy: t('Read the log, then choose "{0}".', t('Try again')),
      });
    }
    const env = environmentWith({ ...environment(), ...CHILD_ENVIRONMENT });
    // execArgv: not the host's own --inspect port.
    const child = fork(entry, { env, execArgv: [`--max-old-space-size=${HEAP_MB}`], silent: true });
    const connection = createMessageConnection(new IPCMessageReader(child), new IPCMessageWriter(child));
    const lastLines: string[] = [];
    const note = (level: LogLevel, text: string): void => {
      for (const given of text.split(/\r?\n/).filter(Boolean)) {
        const line = visible(given);
        lastLines.push(line);
        if (lastLines.length > LAST_LINES) lastLines.shift();
        log(level, line);
      }
    };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => note('info', text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => note('warn', text));

    const on = <K extends NotificationName>(name: K, listen: (params: Notifications[K]) => void): void =>
      void connection.onNotification(name, (sent: unknown) => {
        const params = notification(name, sent);
        if (params) listen(params);
        else note('warn', `the engine sent "${name}" in an unknown form`);
      });
    on('events', ({ id, events }) => this.listeners.get(id)?.onEvents?.(events));
    on('token', ({ id, text }) => this.listeners.get(id)?.onToken?.(text));
    on('rows', ({ id, rows }) => this.listeners.get(id)?.onRows?.(rows));
    on('progress', ({ id, message, fraction }) => this.listeners.get(id)?.onProgress?.(message, fraction));
    on('log', ({ level, message }) => note(level, message));
    connection.onRequest<ModelReply, never>('askModel', async (sent: unknown, token: CancellationToken) => {
      const asked = askedModel(sent);
      const answer = asked && this.listeners.get(asked.id)?.onAsk;
      if (!answer) return { fault: 'nobody can be asked here.', over: true };
      const { id: _, ...question } = asked;
      return answer(question, token);
    });
    connection.onError(([error]) => note('error', error.message));

    const ended = new Promise<(name: RequestName) => HostError>((resolve) => {
      const end = (how: string, signal?: string | null): void => {
        if (this.child?.process === child) this.child = undefined;
        if (!result.leaving) restarts.crashed();
        log(result.leaving ? 'info' : 'error', `${basename(entry)} (process ${child.pid ?? '?'}) ended: ${how}`);
        const forMemory = signal === 'SIGKILL' && (killed() ?? 0) > (killedBefore ?? Infinity);
        resolve((name) => new HostError(endedError(how, signal, lastLines, forMemory, name === 'run')));
        // Pending requests of a dead child hang until their connection is disposed.
        connection.dispose();
      };
      // The last lines on stderr arrive after `exit`; `close` does not come when the host itself disconnected.
      child.once('exit', (code, signal) => {
        const how = signal ? t('signal {0}', signal) : t('exit code {0}', code ?? '?');
        void Promise.race([streamsEnded(child), delay(500, undefined, { ref: false })]).then(() => end(how, signal));
      });
      child.once('error', (error) => child.pid === undefined && end(error.message));
    });
    connection.listen();
    log('info', `${basename(entry)} started, process ${child.pid ?? '?'}`);
    const result: Child = { process: child, connection, ended, leaving: false };
    return result;
  }

  private async translated(error: unknown, name: RequestName, child: Child): Promise<unknown> {
    if (error instanceof HostError) return error;
    if (error instanceof ResponseError) {
      if (error.code === REQUEST_CANCELLED) return new Cancelled();
      if (isErrorData(error.data)) return new HostError(error.data);
      if (child.process.connected) return new HostError({ kind: 'internal', message: `internal: ${error.message}` });
    }
    // The channel broke: say how the child ended, once that is known.
    if (!child.process.connected) return (await child.ended)(name);
    return error;
  }
}

const streamsEnded = (child: ChildProcess): Promise<unknown> =>
  Promise.allSettled([child.stdout, child.stderr].flatMap((stream) => (stream ? [finished(stream)] : [])));

const isOutOfMemory = (lastLines: readonly string[]): boolean =>
  lastLines.some((line) => /heap out of memory|bad_alloc|uses more than \S+ GB of memory/.test(line));

/** What a signal means here; '' where it says nothing. */
function reasonOf(signal: string | null | undefined, isMemory: boolean): string {
  if (isMemory) return t('out of memory.');
  switch (signal) {
    case 'SIGKILL':
      return t('the system ended it, most often because memory ran out, or another program did.');
    case 'SIGBUS':
      return t("the model's file was changed or cut off while in use.");
    case 'SIGSEGV':
    case 'SIGILL':
    case 'SIGABRT':
      return t('it crashed while computing.');
    default:
      return '';
  }
}

function endedError(
  how: string,
  signal: string | null | undefined,
  lastLines: string[],
  forMemory: boolean,
  isRun: boolean,
): HostError['data'] {
  const isCertain = forMemory || isOutOfMemory(lastLines);
  const reason = reasonOf(signal, isCertain);
  const isMemory = signal === 'SIGKILL' || isCertain;
  const lessMemory = isRun
    ? t(
        'Close other programs or set "recompute": true, then resume. Or halve "batch.rows", double "batch.accumulate", and run it again.',
      )
    : t('Close other programs, or use a smaller model.');
  // Frames of a stack say little to the person; they are in the log.
  const lines = lastLines
    .filter((line) => !/^\s+at /.test(line) && /\p{L}/u.test(line))
    .slice(-6)
    .join('\n');
  return {
    kind: 'failed',
    message: [
      reason ? t('the engine ended ({0}): {1}', how, reason) : t('the engine ended ({0}).', how),
      lines ? `${t('Its last lines:')}\n${lines}` : t('It wrote nothing.'),
    ].join(' '),
    remedy: isCertain
      ? lessMemory
      : isMemory
        ? t('If it ran out of memory: {0}', lessMemory)
        : isRun
          ? t('What was saved before is kept: resume the run, or read the log.')
          : t('Try it again. If it ends again, read the log.'),
  };
}
