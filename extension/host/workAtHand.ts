/** Work of commands that ends with its window: what that was, the next one knows. */
import * as z from 'zod';
import type { CancellationToken } from 'vscode';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { COMMAND_ARGUMENTS } from './commandArguments.js';
import { withProgress, type Report } from './messages.js';
import type { WindowMemory } from './windowMemory.js';

/** In the memory of windows. */
export const WORK = 'workAtHand';

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

/** What a window was doing by what it has kept. */
export const workOf = (kept: unknown): Asked[] => safeParse(z.array(ASKED), kept).data ?? [];

export class WorkAtHand {
  private readonly atHand = new Set<Asked>();

  constructor(private readonly memory: Pick<WindowMemory, 'keep'>) {}

  /** Does it with its progress shown, and a way to cancel it: what was cancelled has not ended with the window. */
  async during<T>(
    asked: Asked,
    title: string,
    work: (report: Report, token: CancellationToken) => PromiseLike<T>,
  ): Promise<T> {
    this.atHand.add(asked);
    // A window that closes keeps nothing more: what ends with it has not been done.
    const over = (): void => {
      if (this.atHand.delete(asked)) void this.keep();
    };
    try {
      await this.keep();
      return await withProgress(title, (report, token) => {
        // The Hub may have all of what it was asked for before.
        if (asked.command !== 'publish') token.onCancellationRequested(over);
        return work(report, token);
      });
    } finally {
      over();
    }
  }

  private keep(): Promise<void> {
    return this.memory.keep(WORK, this.atHand.size > 0 ? [...this.atHand] : undefined);
  }
}
