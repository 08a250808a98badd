import type { RunOwner } from '../../runtime/protocol.js';
import { ownerOf } from '../../runtime/training/protocol.js';
import { inputError } from '../errors.js';
import { t } from '../text.js';

/** Refuses what must not be done to a folder that a process which is not of this window works in. */
export async function requireFree(folder: string): Promise<void> {
  const owner = await ownerOf(folder);
  if (!owner) return;
  throw inputError(t('another process is working on this run ({0}).', ownerText(owner)), {
    place: folder,
    remedy: t('Wait until it has ended, or stop it where it was started.'),
  });
}

/** "process 4711 on workstation". */
export const ownerText = ({ pid, host }: RunOwner): string => t('process {0} on {1}', pid, host);
