import * as vscode from 'vscode';
import { secretKey, type SecretName } from '../../runtime/contract/secrets.js';
import type { Token } from '../engine/engine.js';
import { unlinked } from '../host/messages.js';
import { t } from '../host/text.js';
import type { RunnerOptions } from '../runs/runnerOptions.js';

/**
 * What is kept under a key, else what the person gives, which is kept; undefined where they give nothing before the
 * token fires.
 */
export async function secretOf(
  storage: vscode.SecretStorage,
  key: string,
  question: { title: string; prompt: string },
  token?: Token,
): Promise<string | undefined> {
  const kept = await storage.get(key);
  if (kept !== undefined) return kept;
  const options = { ...question, prompt: unlinked(question.prompt), password: true, ignoreFocusOut: true };
  const typed = await vscode.window.showInputBox(options, token as vscode.CancellationToken | undefined);
  // What is pasted often has a line break at its end.
  const given = typed?.trim();
  if (given) await storage.store(key, given);
  return given || undefined;
}

/** A recipe that names another address has no secret of this one. */
const keyOf = ({ address, name }: SecretName): string => `judge.${secretKey(address, name)}`;

/** Those that there are, by `secretKey`; one after the other, as a person may be asked. */
async function secretsOf(
  wanted: readonly SecretName[],
  secret: (one: SecretName) => Thenable<string | undefined>,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const one of wanted) {
    const value = await secret(one);
    if (value !== undefined) found[secretKey(one.address, one.name)] = value;
  }
  return found;
}

/**
 * Of judges behind an address. One that is not given is left out: the judge leaves its answers open, and the run goes
 * on.
 */
export const judgeSecrets = (storage: vscode.SecretStorage): NonNullable<RunnerOptions['judgeSecrets']> => ({
  get: (wanted) =>
    secretsOf(wanted, (one) =>
      secretOf(storage, keyOf(one), {
        title: t('Secret of a judge'),
        prompt: t(
          'The recipe names the secret "{0}". It is kept in the secret storage, and sent to {1} only. Without it the judge leaves its answers open.',
          one.name,
          one.address,
        ),
      }),
    ),
  kept: (wanted) => secretsOf(wanted, (one) => storage.get(keyOf(one))),
  async forget(refused) {
    for (const one of refused) await storage.delete(keyOf(one));
  },
});
