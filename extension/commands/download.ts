import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import type { ErrorData, Requests } from '../../runtime/contract/protocol.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { errorText } from '../host/errors.js';
import type { Services } from '../services/services.js';
import { t } from '../host/text.js';
import type { Model } from '../workspace/models.js';
import { intoFolder } from './intoFolder.js';
import { slug } from './recipeFiles.js';
import { requireRoot } from './root.js';
import { wizard } from './wizard.js';

/** Key of the access token in the secret storage. */
const TOKEN = 'huggingFaceToken';
const REPOSITORY = /^[\w.-]+\/[\w.-]+(?:\/[\w./-]+\.gguf)?$/;

/**
 * Downloads a model from the Hugging Face Hub into `models/NAME` and adds it; one that was cut off goes on where it stopped.
 * @param given `repository`: `owner/name` or `owner/name/file.gguf`.
 */
export async function downloadModel(
  services: Pick<Services, 'assertTrusted' | 'engine' | 'models' | 'secrets'>,
  { revision, endpoint, ...given }: CommandArguments['downloadModel'],
): Promise<Model> {
  services.assertTrusted();
  const root = requireRoot();
  const repository = given.repository ?? (await askRepository());
  const name = slug(basename(repository.replace(/\.gguf$/i, '')));
  const folder = given.folder ?? join(root, 'models', name);
  const params = { repository, token: await services.secrets.get(TOKEN), revision, endpoint };
  const path = await intoFolder(
    folder,
    (into, force) => bring(services, { ...params, folder: into, force }),
    (error) => ask(folder, error),
  );
  return services.models.add(path);
}

/** The person decides what becomes of files that a download would replace. */
const ask = (folder: string, { place, message }: ErrorData): Promise<'replace' | 'keep'> =>
  wizard(t('"{0}" is there already', vscode.workspace.asRelativePath(folder)), 1, (ask) =>
    ask.pick(errorText({ kind: 'input', place: place && vscode.workspace.asRelativePath(place), message }), [
      { label: t('Replace it'), detail: t('It stays whole until the download is complete.'), value: 'replace' },
      { label: t('Keep both'), detail: t('The download goes to {0}.', `${basename(folder)}-2`), value: 'keep' },
    ]),
  );

const bring = async ({ engine }: Pick<Services, 'engine'>, params: Requests['download']['params']): Promise<string> =>
  vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: t('Downloading {0}', params.repository),
      cancellable: true,
    },
    async (progress, token) => {
      let done = 0;
      const { path } = await engine.request('download', params, {
        token,
        onProgress: (message, fraction = done) => {
          progress.report({ message, increment: (fraction - done) * 100 });
          done = fraction;
        },
      });
      return path;
    },
  );

/** Keeps the token in the system's secret storage; an empty one removes it. */
export async function setHubToken({ secrets, notices }: Pick<Services, 'secrets' | 'notices'>): Promise<void> {
  const token = await vscode.window.showInputBox({
    title: t('Access token of the Hugging Face Hub'),
    prompt: t('Kept in the secret storage of this machine. Empty: none.'),
    password: true,
    ignoreFocusOut: true,
  });
  if (token === undefined) return;
  if (token.trim()) await secrets.store(TOKEN, token.trim());
  else await secrets.delete(TOKEN);
  notices.info(token.trim() ? t('The token is kept.') : t('There is no token any more.'));
}

const askRepository = (): Promise<string> =>
  wizard(t('Download a model'), 1, (ask) =>
    ask.input(t('Model on the Hugging Face Hub: owner/name, or owner/name/file.gguf'), '', (text) =>
      REPOSITORY.test(text) ? undefined : t('Give it as owner/name.'),
    ),
  );
