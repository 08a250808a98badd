import * as vscode from 'vscode';
import type { Token } from '../engine/engine.js';
import { t } from '../host/text.js';
import type { RunnerOptions } from '../runs/runner.js';

/** What is kept under a key, else what the person gives, which is kept; undefined where they give nothing before the token fires. */
export async function secretOf(
  storage: vscode.SecretStorage,
  key: string,
  question: { title: string; prompt: string },
  token?: Token,
): Promise<string | undefined> {
  const kept = await storage.get(key);
  if (kept !== undefined) return kept;
  const options = { ...question, password: true, ignoreFocusOut: true };
  const typed = await vscode.window.showInputBox(options, token as vscode.CancellationToken | undefined);
  // What is pasted often has a line break at its end.
  const given = typed?.trim();
  if (given) await storage.store(key, given);
  return given || undefined;
}

const keyOf = (name: string): string => `judge.${name}`;

/** Of judges behind an address. One that is not given is left out: the judge leaves its answers open, and the run goes on. */
export const judgeSecrets = (storage: vscode.SecretStorage): NonNullable<RunnerOptions['judgeSecrets']> => ({
  async get(names) {
    const found: Record<string, string> = {};
    for (const name of names) {
      const given = await secretOf(storage, keyOf(name), {
        title: t('Secret of a judge'),
        prompt: t(
          'The recipe names the secret "{0}". It is kept in the secret storage, and sent to the judge only. Without it the judge leaves its answers open.',
          name,
        ),
      });
      if (given !== undefined) found[name] = given;
    }
    return found;
  },
  async forget(names) {
    for (const name of names) await storage.delete(keyOf(name));
  },
});
