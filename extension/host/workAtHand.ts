/** Work of commands that ends with its window: what that was, the next one knows. */
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import type { CancellationToken, Memento } from 'vscode';
import { ownerSchema } from '../../runtime/contract/owner.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { asked, thisProcess, type NamedProcess } from '../../runtime/runs/ownerOf.js';
import { COMMAND_ARGUMENTS } from './commandArguments.js';
import type { Disposable } from './disposable.js';
import { withProgress, type Report } from './messages.js';

const KEY = 'workAtHand';

/** A command, with all that it would ask. */
const askedBy = <K extends keyof typeof COMMAND_ARGUMENTS>(command: K) =>
  z.object({
    command: z.literal(command),
    given: COMMAND_ARGUMENTS[command].schema as (typeof COMMAND_ARGUMENTS)[K]['schema'],
  });
const ASKED = z.discriminatedUnion('command', [
  askedBy('addAdapter'),
  askedBy('combine'),
  askedBy('downloadModel'),
  askedBy('exportAdapter'),
  askedBy('judgeAgain'),
  askedBy('publish'),
  askedBy('scan'),
  askedBy('trainPublic'),
]);
export type Asked = z.output<typeof ASKED>;

/** `by`: the process of the window. */
const KEPT = z.object({ by: ownerSchema.omit({ since: true }), work: z.array(ASKED) });

/** The process of a window that is reloaded may end a little after the next one has begun. */
const ENDS_WITHIN_MS = 10_000;
const LOOK_MS = 500;

export class WorkAtHand implements Disposable {
  private readonly atHand = new Set<Asked>();
  /** The window closes: what ends now has not been done. */
  private isOver = false;
  private self: Promise<NamedProcess> | undefined;

  constructor(
    private readonly memento: Pick<Memento, 'get' | 'update'>,
    private readonly endsWithinMs = ENDS_WITHIN_MS,
  ) {}

  /** What ended with the window before, once: in a browser another window of the folder has the same memory. */
  async cutOff(): Promise<Asked[]> {
    const { by, work = [] } = safeParse(KEPT, this.memento.get(KEY)).data ?? {};
    if (!by || work.length === 0) return [];
    const own = await (this.self ??= thisProcess());
    const isAnothers = async (): Promise<boolean> => !isDeepStrictEqual(by, own) && (await asked(by)) === true;
    for (let waited = 0; await isAnothers(); waited += LOOK_MS) {
      if (waited >= this.endsWithinMs) return [];
      await delay(LOOK_MS);
    }
    await this.keep();
    return work;
  }

  /** Does it with its progress shown, and a way to cancel it: what was cancelled has not ended with the window. */
  async during<T>(
    asked: Asked,
    title: string,
    work: (report: Report, token: CancellationToken) => PromiseLike<T>,
  ): Promise<T> {
    this.atHand.add(asked);
    const over = (): void => {
      if (this.atHand.delete(asked) && !this.isOver) void this.keep();
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

  dispose(): void {
    this.isOver = true;
  }

  private async keep(): Promise<void> {
    const work = [...this.atHand];
    // Asked once, so that what is kept last is what was said last.
    const by = await (this.self ??= thisProcess());
    await this.memento.update(KEY, { by, work });
  }
}
