/** What a window says of the work that ended with another: it is for the person to have it done again. */
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { COMMANDS } from '../host/contributions.js';
import type { Disposable } from '../host/disposable.js';
import { t } from '../host/text.js';
import { workOf, type Asked } from '../host/workAtHand.js';
import type { Run } from '../runs/run.js';
import type { Services } from '../services/services.js';

/** @param kept by the window that has ended, of its work at hand */
export function tellCutOff({ notices }: Pick<Services, 'notices'>, kept: unknown): void {
  for (const asked of workOf(kept)) {
    const { work, left, title } = toldOf(asked);
    notices.warn(`${t('{0}: this ended with its window before it was done.', work)} ${left}`, {
      title,
      run: () => vscode.commands.executeCommand(COMMANDS[asked.command], asked.given),
    });
  }
}

/**
 * Tells of runs that were at work in a window that has ended, when what worked on them has ended, too: those on a
 * cluster go on by themselves.
 */
export function cutOffRuns(
  store: Services['store'],
  tell: (run: Run) => void,
): Disposable & { take(folders: string[]): void } {
  const left = new Set<string>();
  const look = (run: Run): void => {
    if (run.elsewhere || !left.delete(run.folder) || run.live || run.recipe?.cluster) return;
    if (['interrupted', 'stopped'].includes(run.progress.state)) tell(run);
  };
  const looking = store.onDidChange(({ run }) => look(run));
  return {
    dispose: () => looking.dispose(),
    take(folders) {
      for (const folder of folders) left.add(folder);
      store.all().forEach(look);
    },
  };
}

/** The work, as its progress was called; what is left of it; and the button that has it done. */
function toldOf({ command, given }: Asked): { work: string; left: string; title: string } {
  switch (command) {
    case 'addAdapter':
      return download(given.adapter);
    case 'downloadModel':
      return download(given.repository);
    case 'trainPublic':
      return download([given.repository, given.benign].filter(Boolean).join(', '));
    case 'exportAdapter':
      return { work: t('Exporting {0}', nameOf(given.out)), ...halfMade() };
    case 'combine':
      return { work: t('Combining {0}', nameOf(given.out)), ...halfMade() };
    case 'judgeAgain':
      return {
        work: t('Judging the answers of {0}', nameOf(given.run)),
        left: t('What was judged until shortly before is kept.'),
        title: t('Continue'),
      };
    case 'publish':
      return {
        work: t('Publishing {0}', given.repository ?? ''),
        left: t('The Hub has either all of it or nothing.'),
        title: t('Try again'),
      };
    case 'scan':
      return {
        work: t('Scanning {0}', nameOf(given.file)),
        left: t('Nothing of it is kept.'),
        title: t('Scan again'),
      };
  }
}

const nameOf = (path = ''): string => basename(path);

const download = (name = '') => ({
  work: t('Downloading {0}', name),
  left: t('What has come is kept.'),
  title: t('Continue'),
});

const halfMade = () => ({
  left: t('Trying again removes what is left of it.'),
  title: t('Try again'),
});
