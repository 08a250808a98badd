/** The runs that wait: their order, whether they begin, and how the next window finds them. */
import { join } from 'node:path';
import * as z from 'zod';
import * as vscode from 'vscode';
import { lastStart } from '../../runtime/contract/manifest.js';
import type { RunOwner } from '../../runtime/contract/owner.js';
import { RECIPE_KINDS } from '../../runtime/contract/recipeInputs.js';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { COMMANDS } from '../host/contributions.js';
import type { Disposable } from '../host/disposable.js';
import { errorData, inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import type { OtherWindow, WindowMemory } from '../host/windowMemory.js';
import type { AskedRun } from '../runs/job.js';
import { ownerText, requireFree } from '../runs/owner.js';
import { recipeToRun, type RecipeFacts } from '../runs/recipe.js';
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

/** The queue, in the memory of windows. */
export const QUEUE = 'queue';
const flag = z.boolean().optional();
const WAITING = z.object({
  folder: z.string(),
  recipe: z.string(),
  output: z.string().optional(),
  replace: flag,
  resume: flag,
  since: z.string().optional(),
  said: z.object({ kind: z.enum(RECIPE_KINDS), output: z.string() }).optional(),
});
const KEPT = z.object({ paused: z.boolean(), waiting: z.array(WAITING) });

const keptOf = (kept: unknown): z.output<typeof KEPT> => safeParse(KEPT, kept).data ?? { paused: false, waiting: [] };

/**
 * Runs that wait outlive their window: another one has them, behind its own. First of them is the one that was made
 * ready to begin. One that has begun is not among them: its folder says how it ended, and a person has it go on. `take`
 * gives the folders of these.
 */
export function keepQueue(
  { runner, store, notices }: Parts & Pick<Services, 'notices'>,
  memory: Pick<WindowMemory, 'keep'>,
): Disposable & { take(kept: unknown, atBeginning: boolean): Promise<string[]> } {
  const keep = (): Promise<void> => {
    const { paused } = runner;
    const waiting = runner.asked();
    return memory.keep(QUEUE, paused || waiting.length > 0 ? { paused, waiting } : undefined);
  };
  const keeping = runner.onDidChangeQueue(() => void keep());
  const take = async (kept: unknown, atBeginning: boolean): Promise<string[]> => {
    const { paused, waiting } = keptOf(kept);
    if (waiting.length === 0 && !(paused && atBeginning)) return [];
    const begun: string[] = [];
    const left: string[] = [];
    const isPaused = paused || runner.paused;
    const before = new Set(runner.queue());
    // None begins before all are in their places, and kept there.
    runner.pause(true);
    for (const { since, folder, ...asked } of waiting) {
      const { recipe, ...more } = asked;
      try {
        if (runner.has(folder)) continue;
        if (since !== undefined && (await hasBegun(store, asked, since))) begun.push(folder);
        else await runner.start(recipe, { ...more, byItself: true });
      } catch (error) {
        left.push(`${vscode.workspace.asRelativePath(recipe)}: ${errorData(error).message}`);
      }
    }
    const taken = runner.queue().filter((folder) => !before.has(folder));
    await keep();
    runner.pause(isPaused);
    if (taken.length > 0 && !atBeginning)
      notices.info(
        t(
          'Runs that waited in a window that has ended wait in this one now: {0}.',
          taken.map((folder) => store.nameOf(store.get(folder)!)).join(', '),
        ),
      );
    if (left.length > 0)
      notices.warn(t('Some waiting runs are no longer in the queue. {0}', left.join(' ')), {
        title: t('Run a recipe'),
        run: () => vscode.commands.executeCommand(COMMANDS.runRecipe),
      });
    return begun;
  };
  return { take, dispose: () => keeping.dispose() };
}

/** Shows what waits in other windows. */
export async function showOthers(store: Services['store'], others: readonly OtherWindow[]): Promise<void> {
  const waiting = new Map<string, { owner: RunOwner; recipe?: RecipeFacts }>();
  for (const { folder, recipe, owner } of waitingIn(others)) {
    const known = store.get(folder)?.recipe;
    waiting.set(folder, { owner, recipe: known ?? (await recipeToRun(recipe).catch(() => undefined)) });
  }
  store.waitElsewhere(waiting);
}

const waitingIn = (others: readonly OtherWindow[]) =>
  others.flatMap(({ owner, kept }) => keptOf(kept[QUEUE]).waiting.map((one) => ({ ...one, owner })));

/**
 * Refuses a folder that another process works in, and one of a run that waits in another window, as a replacement or
 * not: it would be run twice.
 */
export async function requireFreeOfOthers(memory: Pick<WindowMemory, 'others'>, folder: string): Promise<void> {
  await requireFree(folder);
  const other = waitingIn(await memory.others()).find((one) => placeOf(one.folder) === placeOf(folder));
  if (!other) return;
  throw inputError(t('this run waits in another window ({0}).', ownerText(other.owner)), {
    place: folder,
    remedy: t('Let it begin there, or remove it from the queue there.'),
  });
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
