import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import type { CommandArguments } from '../host/commandArguments.js';
import type { Services } from '../services/services.js';
import { hubName } from '../../runtime/contract/hubName.js';
import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import type { Asked } from '../host/workAtHand.js';
import type { Model } from '../workspace/models.js';
import { bring, HUB_TOKEN, hubToken } from './hub.js';
import { slug } from './recipeFiles.js';
import { requireRoots, rootFor } from './root.js';
import { wizard } from './wizard.js';

const REPOSITORY = /^[\w.-]+\/[\w.-]+(?:\/[\w./-]+\.gguf)?$/;

/**
 * Downloads a model from the Hugging Face Hub into `models/NAME` and adds it; one that was cut off goes on where it
 * stopped.
 * @param given `repository`: `owner/name` or `owner/name/file.gguf`.
 */
export async function downloadModel(
  services: Pick<Services, 'assertTrusted' | 'engine' | 'models' | 'secrets' | 'workAtHand'>,
  { revision, ...given }: CommandArguments['downloadModel'],
): Promise<Model> {
  services.assertTrusted();
  requireRoots();
  const models = given.folder ?? join(await rootFor(), 'models');
  const repository = given.repository ?? (await askRepository());
  const name = slug(basename(repository.replace(/\.gguf$/i, '')));
  const folder = given.folder ?? join(models, name);
  const params = { repository, token: await hubToken(services), revision };
  const asked = (into: string): Asked => ({ command: 'downloadModel', given: { repository, revision, folder: into } });
  const sent = (into: string, force: boolean) => ({ ...params, folder: into, force });
  const { path } = await bring(services, 'download', folder, sent, asked);
  return services.models.add(path);
}

/** Downloads an adapter of a model, named by its place on the Hub, into `adapters/NAME`. @returns its folder */
export async function downloadAdapter(
  services: Pick<Services, 'assertTrusted' | 'engine' | 'secrets' | 'workAtHand'>,
  name: string,
  model: string,
): Promise<string> {
  services.assertTrusted();
  const found = hubName(name);
  if (!found)
    throw inputError(t('this is not the name of an adapter on the Hub.'), {
      place: name,
      remedy: t('Write hub:OWNER/NAME@REVISION; the revision is best a commit.'),
    });
  const folder = join(await rootFor(model), 'adapters', slug(basename(found.repository)));
  const params = { ...found, kind: 'adapter' as const, token: await hubToken(services) };
  const asked = (): Asked => ({ command: 'addAdapter', given: { model, adapter: name } });
  const sent = (into: string, force: boolean) => ({ ...params, folder: into, force });
  const { path } = await bring(services, 'download', folder, sent, asked);
  return path;
}

/** Keeps the token in the system's secret storage; an empty one removes it. */
export async function setHubToken({ secrets, notices }: Pick<Services, 'secrets' | 'notices'>): Promise<void> {
  const token = await vscode.window.showInputBox({
    title: t('Access token of the Hugging Face Hub'),
    prompt: t('Kept in the secret storage of this machine. Empty: none.'),
    password: true,
    ignoreFocusOut: true,
  });
  if (token === undefined) return;
  if (token.trim()) await secrets.store(HUB_TOKEN, token.trim());
  else await secrets.delete(HUB_TOKEN);
  notices.info(token.trim() ? t('The token is kept.') : t('The token was removed.'));
}

const askRepository = (): Promise<string> =>
  wizard(t('Download a model'), (ask) =>
    ask.input(t('Model on the Hugging Face Hub: owner/name, or owner/name/file.gguf'), '', (text) =>
      REPOSITORY.test(text) ? undefined : t('Give it as owner/name.'),
    ),
  );
