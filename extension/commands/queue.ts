/** The runs that wait: their order, and whether they begin. */
import type { CommandArguments } from '../host/commandArguments.js';
import { t } from '../host/text.js';
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

export function pauseQueue({ runner, notices }: Pick<Services, 'runner' | 'notices'>, paused: boolean): void {
  runner.pause(paused);
  if (paused) notices.info(t('The queue is paused: the run at work goes on to its end, and no other begins.'));
}
