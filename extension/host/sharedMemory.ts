import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Memento } from 'vscode';
import { Turns } from '../../runtime/contract/turns.js';
import { makeFolder } from '../../runtime/support/makeFolder.js';
import { replaceFile, unwritable } from './state.js';

/** What is remembered of a workspace. */
export type Remembered = Pick<Memento, 'get' | 'update'>;

/**
 * What all windows of a workspace remember, each value in a file of its own. In the memory that VS Code has of a
 * workspace each window that is open has the whole of it, and overwrites with that what another one has kept.
 */
export class SharedMemory implements Remembered {
  private readonly writes = new Turns();

  constructor(private readonly folder: string) {}

  get<T>(key: string): T | undefined;
  get<T>(key: string, otherwise: T): T;
  get<T>(key: string, otherwise?: T): T | undefined {
    try {
      return JSON.parse(readFileSync(this.fileOf(key), 'utf8')) as T;
    } catch {
      return otherwise;
    }
  }

  /** @throws HostError where it cannot be written */
  update(key: string, value: unknown): Promise<void> {
    // As it is now: its owner may go on to change it.
    const text = JSON.stringify(value);
    return this.writes.take(async () => {
      await makeFolder(this.folder).catch((error: unknown) => Promise.reject(unwritable(this.folder, error)));
      await replaceFile(this.fileOf(key), text);
    });
  }

  private fileOf(key: string): string {
    return join(this.folder, `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.json`);
  }
}
