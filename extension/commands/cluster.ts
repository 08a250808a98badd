/** Runs on a cluster: their secrets, and how a window that was reloaded finds them again. */
import * as vscode from 'vscode';
import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import { secretOf } from './secrets.js';
import { canResume } from '../runs/run.js';
import type { RunnerOptions } from '../runs/runner.js';
import type { Services } from '../services/services.js';

const keyOf = (name: string): string => `cluster.${name}`;

/** Secrets are kept in VS Code's secret storage alone, by the names in recipes. */
export const clusterSecrets = (
  storage: vscode.SecretStorage,
): Required<Pick<RunnerOptions, 'secrets' | 'forgetSecrets'>> => ({
  async secrets(names) {
    const found: Record<string, string> = {};
    for (const name of names) {
      const given = await secretOf(storage, keyOf(name), {
        title: t('Secret of a cluster'),
        prompt: t(
          'The recipe names the secret "{0}". It is kept in the secret storage, and sent to the cluster only.',
          name,
        ),
      });
      if (given === undefined)
        throw inputError(t('the secret "{0}" was not given.', name), {
          remedy: t('Run or resume once more to be asked again.'),
        });
      found[name] = given;
    }
    return found;
  },
  async forgetSecrets(names) {
    for (const name of names) await storage.delete(keyOf(name));
  },
});

/** Jobs go on while no window is open: a run that was cut off by that hears its job again. */
export async function findJobs({ store, runner }: Pick<Services, 'store' | 'runner'>): Promise<void> {
  if (!vscode.workspace.isTrusted) return;
  const left = store
    .list()
    .filter((run) => run.recipe?.cluster && run.progress.state === 'interrupted' && canResume(run));
  for (const run of left) await runner.resume(run.folder);
}
