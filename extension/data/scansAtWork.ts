/** Scans that are being made: those that end with their window, the next one names. */
import * as z from 'zod';
import type { Memento } from 'vscode';
import { safeParse } from '../../runtime/contract/safeParse.js';
import type { Disposable } from '../host/disposable.js';

const KEY = 'scans.atWork';
const SCAN = z.object({ file: z.string(), model: z.string(), vector: z.string() });
type AskedScan = z.infer<typeof SCAN>;

export class ScansAtWork implements Disposable {
  private readonly atWork = new Set<AskedScan>();
  /** The window closes: what ends now has not been done. */
  private isOver = false;

  constructor(private readonly memento: Pick<Memento, 'get' | 'update'>) {}

  /** Those that ended with the window before, once. */
  cutOff(): AskedScan[] {
    const cut = safeParse(z.array(SCAN), this.memento.get(KEY)).data ?? [];
    if (cut.length > 0) this.keep();
    return cut;
  }

  async during<T>(asked: AskedScan, work: () => Promise<T>): Promise<T> {
    this.atWork.add(asked);
    this.keep();
    try {
      return await work();
    } finally {
      this.atWork.delete(asked);
      if (!this.isOver) this.keep();
    }
  }

  dispose(): void {
    this.isOver = true;
  }

  private keep(): void {
    void this.memento.update(KEY, [...this.atWork]);
  }
}
