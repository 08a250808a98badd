/** Work of commands that ends with its window: what that was, the next one knows. */
import * as z from 'zod';
import type { CancellationToken, Memento } from 'vscode';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { COMMAND_ARGUMENTS } from './commandArguments.js';
import type { Disposable } from './disposable.js';
import { withProgress, type Report } from './messages.js';

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

  /** Does it with its progress shown, and a way to cancel it: what was cancelled has not ended with the window. */
  async during<T>(
    asked: Asked,
    title: string,
    work: (report: Report, token: CancellationToken) => PromiseLike<T>,
  ): Promise<T> {
    this.atHand.add(asked);
    this.keep();
    const over = (): void => {
      if (this.atHand.delete(asked) && !this.isOver) this.keep();
    };
    try {
      return await withProgress(title, (report, token) => {
        // The Hub may have all of what it was asked for before.
        if (asked.command !== 'publish') token.onCancellationRequested(over);
        return work(report, token);
      });
    } finally {
      over();
    }
  }

  dispose(): void {
    this.isOver = true;
  }

  private keep(): void {
    void this.memento.update(KEY, [...this.atHand]);
  }
}
