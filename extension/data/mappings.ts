import * as z from 'zod';
import { COLUMN_FIELDS, type Columns } from '../../runtime/contract/mapping.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { Emitter, type Disposable } from '../host/disposable.js';
import { isWithin } from '../host/paths.js';
import type { Remembered } from '../host/sharedMemory.js';

const KEY = 'data.columns';
const KEPT = z.record(z.string(), z.partialRecord(z.enum(COLUMN_FIELDS), z.string()));

/**
 * What a person has said of the columns of data files that no recipe names yet; a recipe that names one says it itself.
 */
export class Mappings implements Disposable {
  private readonly changes = new Emitter<string>();
  /** The file whose columns were chosen anew. */
  readonly onDidChange = this.changes.event;

  constructor(private readonly memento: Remembered) {}

  get(file: string): Columns | undefined {
    return this.all()[file];
  }

  /** Undefined: nobody has said anything. */
  async set(file: string, columns: Columns | undefined): Promise<void> {
    const { [file]: _, ...others } = this.all();
    await this.memento.update(KEY, columns ? { ...others, [file]: columns } : others);
    this.changes.fire(file);
  }

  /** A data file, or a folder that it is in, has another name. */
  async moved(from: string, to: string): Promise<void> {
    for (const [file, columns] of Object.entries(this.all()).filter(([path]) => isWithin(path, from))) {
      await this.set(to + file.slice(from.length), columns);
      await this.set(file, undefined);
    }
  }

  dispose(): void {
    this.changes.dispose();
  }

  private all(): Record<string, Columns> {
    return safeParse(KEPT, this.memento.get(KEY)).data ?? {};
  }
}
