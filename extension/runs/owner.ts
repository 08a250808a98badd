import { join } from 'node:path';
import { OWNER, ownerSchema, type RunOwner } from '../../runtime/contract/owner.js';
import { folderClock, ownerOf } from '../../runtime/runs/ownerOf.js';
import { readJson } from '../host/checkedFile.js';
import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';

/**
 * The living process that works in the folder. A file that does not name one in the form of the engine names nobody.
 */
export async function ownerIn(folder: string, now?: typeof folderClock): Promise<RunOwner | undefined> {
  const owner = await readJson(join(folder, OWNER.file), ownerSchema).catch(() => undefined);
  return owner && ownerOf(folder, now);
}

/** Refuses what must not be done to a folder that a process which is not of this window works in. */
export async function requireFree(folder: string): Promise<void> {
  const owner = await ownerIn(folder, folderClock);
  if (!owner) return;
  throw inputError(t('another process is working on this run ({0}).', ownerText(owner)), {
    place: folder,
    remedy: t('Wait until it has ended, or stop it where it was started.'),
  });
}

/** Of a run that waits in a window which is not this one. */
export const waitsInText = (window: RunOwner): string => t('It waits in another window: {0}.', ownerText(window));

/** "process 4711 on workstation". */
export const ownerText = ({ pid, host }: RunOwner): string => t('process {0} on {1}', pid, host);
