/**
 * Faults at file-system calls: the n-th call below a folder ends the process as far as the disk can tell (nothing after it has
 * an effect, a write that was under way is half done), or fails with a system's error code.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';

export interface Fault {
  /** 0 is the first call; Infinity only counts. */
  at: number;
  /** `kill`, or the code of an error: once, or of every later call that changes something, too. */
  kind: 'kill' | { code: string; lasting?: boolean };
}

type Call = (this: unknown, ...args: unknown[]) => Promise<unknown>;
const CALLS = ['open', 'mkdir', 'readdir', 'rename', 'rm', 'rmdir', 'lstat', 'stat', 'readFile', 'writeFile', 'link', 'unlink', 'statfs']; // prettier-ignore
const HANDLE_CALLS = ['write', 'writeFile', 'read', 'readFile', 'sync', 'truncate', 'stat'];
const CHANGES = new Set(['open', 'mkdir', 'rename', 'rm', 'rmdir', 'write', 'writeFile', 'sync', 'truncate', 'link']);

/** Runs `use` with a fault below a folder. @returns the names of the calls that were made, and how it ended. */
export async function withFault<T>(
  under: string,
  fault: Fault,
  use: () => Promise<T>,
): Promise<{ calls: string[]; value?: T; error?: unknown; isReached: boolean }> {
  const promises = fs.promises as unknown as Record<string, Call>;
  const handle = await fs.promises.open(tmpdir(), 'r');
  const prototype = Object.getPrototypeOf(handle) as Record<string, Call>;
  await handle.close();
  const handles = new WeakSet();
  const calls: string[] = [];
  const undo: (() => void)[] = [];

  const gate = async (name: string, half?: () => Promise<unknown>): Promise<void> => {
    const index = calls.push(name) - 1;
    if (index < fault.at) return;
    if (fault.kind === 'kill') {
      if (index === fault.at) await half?.();
      throw new Error('the process is dead');
    }
    const { code, lasting = false } = fault.kind;
    if (index === fault.at || (lasting && CHANGES.has(name)))
      throw Object.assign(new Error(`${code}: ${name}`), { code, syscall: name });
  };
  const replace = (target: Record<string, Call>, name: string, by: (original: Call) => Call): void => {
    const original = target[name]!;
    target[name] = by(original);
    undo.push(() => (target[name] = original));
  };
  const isUnder = (path: unknown): boolean => path === under || String(path).startsWith(under + sep);
  const half = (data: unknown): unknown =>
    typeof data === 'string' ? data.slice(0, data.length / 2) : (data as Uint8Array).subarray(0, 1);
  for (const name of CALLS)
    replace(promises, name, (original) => async (path, ...rest) => {
      if (!isUnder(path)) return original.call(promises, path, ...rest);
      await gate(name, name === 'writeFile' ? () => original(path, half(rest[0]), ...rest.slice(1)) : undefined);
      const result = await original.call(promises, path, ...rest);
      if (name === 'open') handles.add(result as object);
      return result;
    });
  for (const name of HANDLE_CALLS)
    replace(prototype, name, (original) =>
      async function (...args) {
        if (!handles.has(this as object)) return original.apply(this, args);
        const isWrite = name === 'write' || name === 'writeFile';
        const [data, offset = 0, , at] = args as [Uint8Array | string, number, number, number];
        await gate(name, !isWrite ? undefined : () => name === 'write' ? original.call(this, data, offset, 1, at) : original.call(this, half(data))); // prettier-ignore
        return original.apply(this, args);
      }); // prettier-ignore
  syncBuiltinESMExports();
  try {
    const value = await use();
    return { calls, value, isReached: calls.length > fault.at };
  } catch (error) {
    return { calls, error, isReached: calls.length > fault.at };
  } finally {
    for (const each of undo) each();
    syncBuiltinESMExports();
  }
}

/** Names and contents of everything below a folder. */
export function treeOf(folder: string): Record<string, string> {
  const names = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    names.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(folder.length + 1), entry.isFile() ? fs.readFileSync(path, 'latin1') : 'folder'];
    }),
  );
}
