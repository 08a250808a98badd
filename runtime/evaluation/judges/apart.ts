/**
 * Runs an untrusted model file in a separate process: its graph may loop without end, ask for all memory or crash
 * onnxruntime, and cannot be stopped from within.
 */
import { fork } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sum } from '../../contract/sum.js';
import { Cancelled } from '../../support/errors.js';
import { memoryLimit } from '../../support/memory.js';
import type { Feeds } from '../../device/session.js';

/** Questions to the process and its replies; values are typed arrays. */
export type Question =
  | { open: string; threads: number; memoryBytes: number }
  | { run: Record<string, Pick<Values, 'data' | 'dims'>> };
export type Reply = { opened: Description } | { logits: Values } | { error: string };

interface Description {
  inputs: readonly string[];
  outputs: readonly string[];
  /** Element types of inputs and outputs by name. */
  types: Record<string, string>;
}

interface Values {
  data: unknown;
  dims: readonly number[];
}

/** Like `FileSession`, of a graph with one output "logits". */
export interface ApartSession {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  type(name: string): string | undefined;
  /** @throws Cancelled when the signal fires; the session is over then */
  run(feeds: Feeds, signal?: AbortSignal): Promise<Values>;
  /** The process is gone: it crashed, or exceeded its time or memory. */
  readonly ended: boolean;
  dispose(): void;
}

export interface Limits {
  /** For opening, and for each run. */
  ms: number;
  /** Beyond four times the model's files. */
  bytes: number;
}

const LIMITS: Limits = { ms: 300_000, bytes: 2 ** 30 };

/** When bundled, the child lies beside this program. */
const here = import.meta.url;
const source = here.endsWith('.ts');
const CHILD = fileURLToPath(new URL(source ? './apartChild.ts' : './classifier.js', here));

/**
 * Opens the file on the CPU.
 * @throws Error with onnxruntime's message, or how the process ended
 */
export async function openApart(file: string, threads: number, limits = LIMITS): Promise<ApartSession> {
  const child = fork(CHILD, {
    serialization: 'advanced',
    execArgv: ['--max-old-space-size=512', ...(source ? ['--import', 'tsx'] : [])],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
  });
  let last = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (last = `${last}${text}`.slice(-2000)));

  /** How the process ended, also where nothing was asked at that time. */
  let end: Error | undefined;
  let onEnd = (): void => undefined;
  const ends = (error: Error): void => {
    end ??= error;
    onEnd();
  };
  child.once('error', ends).once('close', (code, how) => {
    const overLimit = /^the process uses more than .*? GB of memory/m.exec(last)?.[0];
    ends(new Error(overLimit ?? `its process ended (${how ?? `exit code ${code}`})`));
  });

  /** One question at a time. */
  const ask = (question: Question, signal?: AbortSignal): Promise<Reply> =>
    new Promise((resolve, reject) => {
      if (end) return reject(end);
      const settle = (act: () => void) => (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', stop);
        child.removeAllListeners('message');
        onEnd = () => undefined;
        act();
      };
      const kill = (error: Error) =>
        settle(() => {
          child.kill('SIGKILL');
          reject(error);
        });
      const stop = kill(new Cancelled());
      const timer = setTimeout(
        kill(new Error(`it does not finish within ${Math.round(limits.ms / 1000)} s`)),
        limits.ms,
      );
      signal?.addEventListener('abort', stop);
      child.once('message', (reply: Reply) => settle(() => resolve(reply))());
      onEnd = settle(() => reject(end!));
      // A question that cannot be sent meets a process that ends, which says how.
      child.send(question, () => undefined);
    });
  const answered = async (question: Question, signal?: AbortSignal): Promise<Exclude<Reply, { error: string }>> => {
    const reply = await ask(question, signal);
    if ('error' in reply) throw new Error(reply.error);
    return reply;
  };

  const dispose = (): void => {
    if (child.connected) child.disconnect();
    child.kill('SIGKILL');
  };
  try {
    const memoryBytes = Math.min(memoryLimit(), limits.bytes + 4 * filesOf(file));
    const reply = await answered({ open: file, threads, memoryBytes });
    if (!('opened' in reply)) throw new Error('it was not opened');
    const { inputs, outputs, types } = reply.opened;
    return {
      inputs,
      outputs,
      type: (name) => (Object.hasOwn(types, name) ? types[name] : undefined),
      async run(feeds, signal) {
        const values = Object.entries(feeds).map(([name, { data, dims }]) => [name, { data, dims }] as const);
        const run = await answered({ run: Object.fromEntries(values) }, signal);
        if (!('logits' in run)) throw new Error('it gave no logits');
        return run.logits;
      },
      get ended() {
        return child.killed || end !== undefined || !child.connected;
      },
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Bytes of the files beside the model, which may be its data. */
function filesOf(file: string): number {
  const folder = dirname(file);
  const found = readdirSync(folder).map((name) => statSync(join(folder, name), { throwIfNoEntry: false }));
  return sum(found.map((one) => (one?.isFile() ? one.size : 0)));
}
