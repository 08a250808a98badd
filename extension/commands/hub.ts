/** What all downloads from the Hub share: the token, the progress, and the question about files that are there. */
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { errorText } from '../../runtime/contract/errors.js';
import type { ErrorData } from '../../runtime/contract/errors.js';
import type { Requests } from '../../runtime/contract/protocol.js';
import { Cancelled } from '../host/errors.js';
import { t } from '../host/text.js';
import type { Asked } from '../host/workAtHand.js';
import type { Services } from '../services/services.js';
import { intoFolder } from './intoFolder.js';
import { secretOf } from './secrets.js';
import { wizard } from './wizard.js';

/** Key of the access token in the secret storage. */
export const HUB_TOKEN = 'huggingFaceToken';
export const hubToken = async ({ secrets }: Pick<Services, 'secrets'>): Promise<string | undefined> =>
  secrets.get(HUB_TOKEN);

/** The token that is kept, else the one that the person gives now. @throws Cancelled where they give none */
export async function requireHubToken({ secrets }: Pick<Services, 'secrets'>): Promise<string> {
  const token = await secretOf(secrets, HUB_TOKEN, {
    title: t('Access token of the Hugging Face Hub'),
    prompt: t('Publishing needs an access token that may write. It is kept in the secret storage of this machine.'),
  });
  if (token === undefined) throw new Cancelled();
  return token;
}

type Download = 'download' | 'downloadDataset';

/**
 * Downloads into a folder, with progress; the person decides what becomes of files that it would replace.
 * @param asked by what it goes on when the window ends before
 */
export function bring<K extends Download>(
  { engine, workAtHand }: Pick<Services, 'engine' | 'workAtHand'>,
  name: K,
  folder: string,
  params: (folder: string, force: boolean) => Requests[K]['params'],
  asked: (folder: string) => Asked,
): Promise<Requests[K]['result']> {
  return intoFolder(
    folder,
    async (into, force) => {
      const sent = params(into, force);
      return workAtHand.during(asked(into), t('Downloading {0}', sent.repository), (onProgress, token) =>
        engine.request(name, sent, { token, onProgress }),
      );
    },
    (error) => ask(folder, error),
  );
}

const ask = (folder: string, { place, message }: ErrorData): Promise<'replace' | 'keep'> =>
  wizard(t('"{0}" already exists', vscode.workspace.asRelativePath(folder)), (ask) =>
    ask.pick(errorText({ place: place && vscode.workspace.asRelativePath(place), message }), [
      { label: t('Replace it'), detail: t('It stays whole until the download is complete.'), value: 'replace' },
      { label: t('Keep both'), detail: t('The download goes to {0}.', `${basename(folder)}-2`), value: 'keep' },
    ]),
  );
