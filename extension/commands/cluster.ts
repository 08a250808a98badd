/** Runs on a cluster: their secrets, and how a window that was reloaded finds them again. */
import * as z from 'zod';
import type * as vscode from 'vscode';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { secretKey } from '../../runtime/contract/secrets.js';
import type { Disposable } from '../host/disposable.js';
import { Cancelled, inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import { secretOf } from './secrets.js';
import { canResume, type Run } from '../runs/run.js';
import type { RunnerOptions } from '../runs/runnerOptions.js';
import type { Services } from '../services/services.js';
import type { WindowMemory } from '../host/windowMemory.js';

/** A recipe that names another address has no secret of this one. */
const keyOf = (address: string, name: string): string => `cluster.${secretKey(address, name)}`;

/** Secrets are kept in VS Code's secret storage alone, by the addresses and names in recipes. */
export const clusterSecrets = (
  storage: vscode.SecretStorage,
): Required<Pick<RunnerOptions, 'secrets' | 'forgetSecrets'>> => ({
  async secrets(wanted, token) {
    const found: Record<string, string> = {};
    for (const { address, name } of wanted) {
      const question = {
        title: t('Secret of a cluster'),
        prompt: t(
          'The recipe names the secret "{0}". It is kept in the secret storage, and sent to {1} only.',
          name,
          address,
        ),
      };
      const given = await secretOf(storage, keyOf(address, name), question, token);
      if (token.isCancellationRequested) throw new Cancelled();
      if (given === undefined)
        throw inputError(t('the secret "{0}" was not given.', name), {
          remedy: t('Run or resume once more to be asked again.'),
        });
      found[secretKey(address, name)] = given;
    }
    return found;
  },
  async forgetSecrets(refused) {
    for (const { address, name } of refused) await storage.delete(keyOf(address, name));
  },
});

/** In the memory of windows: folders of runs on a cluster that they began and have not seen end. */
export const JOBS = 'cluster.runs';

/**
 * Jobs go on while no window is open: a run that was cut off by that hears its job again, once for each window, if it
 * was begun by one of them. While another process works on it, it is waited for: that of the window before ends a
 * little later than it.
 */
export function findJobs(
  { store, runner }: Pick<Services, 'store' | 'runner'>,
  memory: Pick<WindowMemory, 'keep'>,
  onError: (error: unknown) => void,
): Disposable & { take(kept: unknown): Promise<void> } {
  const open = new Set<string>();
  const left = new Set<string>();
  const keep = (): Promise<void> => memory.keep(JOBS, open.size > 0 ? [...open] : undefined);
  const look = (run: Run): void => {
    const isThere = run.recipe?.cluster !== undefined;
    // One that waits may be edited to compute here; of any other the base of a sweep may be out of reach.
    if ((!isThere && !run.live) || run.elsewhere) return;
    if (left.delete(run.folder) && isCutOff(run)) {
      runner.resume(run.folder, undefined, true).catch(onError);
      return;
    }
    const isOpen = isThere && run.live;
    if (isOpen === open.has(run.folder)) return;
    if (isOpen) open.add(run.folder);
    else open.delete(run.folder);
    void keep();
  };
  const looking = store.onDidChange(({ run }) => look(run));
  return {
    dispose: () => looking.dispose(),
    async take(kept) {
      for (const folder of safeParse(z.array(z.string()), kept).data ?? []) {
        open.add(folder);
        left.add(folder);
      }
      await keep();
      store.list().forEach(look);
    },
  };
}

const isCutOff = (run: Run): boolean => run.progress.state === 'interrupted' && canResume(run);
