import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Engine, RestartLimit } from '../../extension/engine/engine.js';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const ENGINE = join(ROOT, 'dist/engine.js');
export const CLI = join(ROOT, 'dist/cli.js');

/** A copy of the sample workspace with recipes of a few steps. */
export interface Workspace {
  readonly path: string;
  file(...parts: string[]): string;
  /** The sample's recipe with some keys changed. */
  recipe(name: string, change: Record<string, unknown>): Promise<string>;
  json<T>(...parts: string[]): Promise<T>;
  remove(): Promise<void>;
}

export async function sampleWorkspace(): Promise<Workspace> {
  const path = await mkdtemp(join(tmpdir(), 'security-vectors-'));
  await cp(join(ROOT, 'media/sample'), path, { recursive: true });
  const file = (...parts: string[]): string => join(path, ...parts);
  const json = async <T>(...parts: string[]): Promise<T> => JSON.parse(await readFile(file(...parts), 'utf8')) as T;
  return {
    path,
    file,
    json,
    async recipe(name, change) {
      const original = JSON.parse(await readFile(join(ROOT, 'media/sample/recipes', name), 'utf8')) as Record<
        string,
        unknown
      >;
      const recipe = { ...original, ...change };
      await writeFile(file('recipes', name), JSON.stringify(recipe, null, 2));
      return file('recipes', name);
    },
    remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }),
  };
}

/** Rows of a vector of the sample: to measure it on all of them takes longer than a few steps. */
export const FEW_ROWS = {
  harmful: { file: '../data/harmful.jsonl', limit: 24 },
  benign: { file: '../data/benign.jsonl', limit: 24 },
};

export function openEngine(lines: string[] = []): Engine {
  return new Engine({
    environment: () => ({}),
    entry: ENGINE,
    log: (_, message) => void lines.push(message),
    idleMs: 60_000,
    restarts: new RestartLimit(),
  });
}

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The command line, as a user calls it. */
export function cli(
  args: readonly string[],
  options: {
    cwd?: string;
    env?: NodeJS.ProcessEnv;
    shell?: string;
    signalAfter?: { text: string; signal: NodeJS.Signals };
    /** Called once, when the text was written. */
    onceSaid?: { text: string; run: () => void };
  } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const command =
      options.shell === undefined
        ? ([process.execPath, [CLI, ...args]] as const)
        : (['sh', ['-c', `${options.shell} exec "$0" "$@"`, process.execPath, CLI, ...args]] as const);
    const child = spawn(command[0], command[1], { cwd: options.cwd, env: options.env ?? process.env });
    const ran: Ran = { code: null, stdout: '', stderr: '' };
    const hear = (stream: 'stdout' | 'stderr') => (data: Buffer) => {
      ran[stream] += data.toString();
      const after = options.signalAfter;
      if (after && ran[stream].includes(after.text)) {
        child.kill(after.signal);
        options = { ...options, signalAfter: undefined };
      }
      const { onceSaid } = options;
      if (onceSaid && ran[stream].includes(onceSaid.text)) {
        options = { ...options, onceSaid: undefined };
        onceSaid.run();
      }
    };
    child.stdout.on('data', hear('stdout'));
    child.stderr.on('data', hear('stderr'));
    child.on('error', reject);
    child.on('close', (code) => resolve({ ...ran, code }));
  });
}

export const jsonLines = <T>(text: string): T[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
