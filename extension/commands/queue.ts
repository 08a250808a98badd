/** The runs that wait: their order, whether they begin, and how the next window finds them. */
import { join } from 'node:path';
import * as z from 'zod';
import * as vscode from 'vscode';
import { lastStart } from '../../runtime/contract/manifest.js';
import { RECIPE_KINDS } from '../../runtime/contract/recipeInputs.js';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { COMMANDS } from '../host/contributions.js';
import { Disposables, type Disposable } from '../host/disposable.js';
import { errorData } from '../host/errors.js';
import { t } from '../host/text.js';
import type { AskedRun } from '../runs/job.js';
import { placeOf } from '../runs/run.js';
import type { Services } from '../services/services.js';
import { chooseRun } from './runs.js';

type Parts = Pick<Services, 'store' | 'runner'>;

/** One place earlier in the queue. */
export async function moveUp({ store, runner }: Parts, given: CommandArguments['moveUp']): Promise<boolean> {
  const folder = await chooseRun({ store }, given, t('Move up in the queue'), ({ place = 0 }) => place > 1);
  return runner.move(folder, 'up');
}

/** One place later in the queue. */
export async function moveDown({ store, runner }: Parts, given: CommandArguments['moveDown']): Promise<boolean> {
  const last = runner.queue().length;
  const folder = await chooseRun({ store }, given, t('Move down in the queue'), ({ place = last }) => place < last);
  return runner.move(folder, 'down');
}

export function pauseQueue(
  { runner, notices, store }: Pick<Services, 'runner' | 'notices' | 'store'>,
  paused: boolean,
): void {
  runner.pause(paused);
  if (!paused) return;
  const isAtWork = store.live().some(({ place }) => place === undefined);
  notices.info(
    isAtWork
      ? t('The queue is paused: the current run goes on to its end, and no other begins.')
      : t('The queue is paused: no run begins until it goes on.'),
  );
}

/** The queue in the workspace's memory. */
const KEY = 'queue';
const flag = z.boolean().optional();
const KEPT = z.object({
  paused: z.boolean(),
  waiting: z.array(
    z.object({
      recipe: z.string(),
      output: z.string().optional(),
      replace: flag,
      resume: flag,
      since: z.string().optional(),
      said: z.object({ kind: z.enum(RECIPE_KINDS), output: z.string() }).optional(),
    }),
  ),
});

/**
 * Runs that wait outlive their window: the next one has the same queue, once its workspace is trusted. First in it is
 * the one that was made ready to begin. One that has begun is not in it: its folder says how it ended, and it is
 * resumed.
 */
export async function keepQueue(
  { runner, store, notices }: Parts & Pick<Services, 'notices'>,
  memento: Pick<vscode.Memento, 'get' | 'update'>,
): Promise<Disposable> {
  const disposables = new Disposables();
  const keep = (): void => void memento.update(KEY, { paused: runner.paused, waiting: runner.asked() });
  const restore = async (): Promise<void> => {
    const { paused, waiting } = safeParse(KEPT, memento.get(KEY)).data ?? { paused: false, waiting: [] };
    const left: string[] = [];
    const isPaused = paused || runner.paused;
    // None begins before all are in their places, and the memory has let go of it.
    runner.pause(true);
    for (const { since, ...asked } of waiting) {
      const { recipe, ...more } = asked;
      try {
        if (since !== undefined && (await hasBegun(store, asked, since))) continue;
        await runner.start(recipe, { ...more, byItself: true });
      } catch (error) {
        left.push(`${vscode.workspace.asRelativePath(recipe)}: ${errorData(error).message}`);
      }
    }
    disposables.add(runner.onDidChangeQueue(keep));
    runner.pause(isPaused);
    if (left.length > 0)
      notices.warn(t('Some waiting runs are no longer in the queue. {0}', left.join(' ')), {
        title: t('Run a recipe'),
        run: () => vscode.commands.executeCommand(COMMANDS.runRecipe),
      });
  };
  if (vscode.workspace.isTrusted) await restore();
  else disposables.add(vscode.workspace.onDidGrantWorkspaceTrust(() => restore().catch(notices.error)));
  return disposables;
}

/**
 * Whether a run has got to its folder since then: as a replacement it lies below that, and takes its place at the end.
 */
async function hasBegun(store: Services['store'], { output, said }: AskedRun, since: string): Promise<boolean> {
  const target = output ?? said?.output ?? '';
  const folders = new Set([target, join(target, RUN_FILES.next), placeOf(target)]);
  const runs = await Promise.all(Array.from(folders, (folder) => store.read(folder).catch(() => undefined)));
  return runs.some((run) => run?.manifest !== undefined && lastStart(run.manifest) >= since);
}
