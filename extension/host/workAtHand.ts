/** Work of commands that ends with its window: what that was, the next one knows. */
import * as z from 'zod';
import type { Memento } from 'vscode';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { COMMAND_ARGUMENTS } from './commandArguments.js';
import type { Disposable } from './disposable.js';

const KEY = 'workAtHand';

/** A command, with all that it would ask. */
const asked = <K extends keyof typeof COMMAND_ARGUMENTS>(command: K) =>
  z.object({
    command: z.literal(command),
    given: COMMAND_ARGUMENTS[command].schema as (typeof COMMAND_ARGUMENTS)[K]['schema'],
  });
const ASKED = z.discriminatedUnion('command', [
  asked('addAdapter'),
  asked('combine'),
  asked('downloadModel'),
  asked('exportAdapter'),
  asked('judgeAgain'),
  asked('publish'),
  asked('scan'),
  asked('trainPublic'),
]);
export type Asked = z.output<typeof ASKED>;

export class WorkAtHand implements Disposable {
  private readonly atHand = new Set<Asked>();
  /** The window closes: what ends now has not been done. */
  private isOver = false;

  constructor(private readonly memento: Pick<Memento, 'get' | 'update'>) {}

  /** What ended with the window before, once. */
  cutOff(): Asked[] {
    const cut = safeParse(z.array(ASKED), this.memento.get(KEY)).data ?? [];
    if (cut.length > 0) this.keep();
    return cut;
  }

  async during<T>(asked: Asked, work: () => PromiseLike<T>): Promise<T> {
    this.atHand.add(asked);
    this.keep();
    try {
      return await work();
    } finally {
      this.atHand.delete(asked);
      if (!this.isOver) this.keep();
    }
  }

  dispose(): void {
    this.isOver = true;
  }

  private keep(): void {
    void this.memento.update(KEY, [...this.atHand]);
  }
}
