import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { PublishPlan, Requests } from '../../runtime/contract/protocol.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { Cancelled } from '../host/errors.js';
import { t } from '../host/text.js';
import type { Services } from '../services/services.js';
import { dangerText } from '../views/labels.js';
import { hubToken } from './hub.js';
import { chooseAdapter, chooseModel } from './models.js';
import { slug } from './recipeFiles.js';
import { wizard } from './wizard.js';

type Publishing = Pick<Services, 'assertTrusted' | 'engine' | 'models' | 'notices' | 'secrets'>;

/** Publishes an adapter, a vector or a model on the Hub. What leaves the machine is listed first. */
export async function publish(
  services: Publishing,
  given: CommandArguments['publish'],
): Promise<Requests['publish']['result']> {
  services.assertTrusted();
  const title = t('Publish on the Hugging Face Hub');
  const folder = given.folder ?? (await chooseFolder(services, given, title));
  const { repository, isPublic } = await wizard(title, 2, async (ask) => ({
    repository:
      given.repository ??
      (await ask.input(t('Repository: owner/name'), `owner/${slug(basename(folder))}`, (text) =>
        /^[\w.-]+\/[\w.-]+$/.test(text) ? undefined : t('Give it as owner/name.'),
      )),
    isPublic:
      given.isPublic ??
      (await ask.pick(t('Who may read it?'), [
        { label: t('Private'), description: t('you, and members of its organisation'), value: false },
        { label: t('Public'), description: t('everybody'), value: true },
      ])),
  }));
  const params = { folder, repository, isPublic };
  const working = <T>(work: (token: vscode.CancellationToken, say: (message: string) => void) => Promise<T>) =>
    vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: t('Publishing {0}', repository), cancellable: true },
      (progress, token) => work(token, (message) => progress.report({ message })),
    );
  const plan = await working((token) => services.engine.request('planPublish', params, { token }));
  await confirm(plan);
  const sent = { ...params, planned: plan.sha256, token: await hubToken(services), endpoint: given.endpoint };
  const done = await working((token, onProgress) => services.engine.request('publish', sent, { token, onProgress }));
  services.notices.info(t('Published as {0}.', repository), {
    title: t('Open'),
    run: () => vscode.env.openExternal(vscode.Uri.parse(done.url)),
  });
  return done;
}

async function chooseFolder(services: Publishing, given: CommandArguments['publish'], title: string): Promise<string> {
  const model = await chooseModel(services, given.model, title);
  const adapter = await chooseAdapter(model, given.adapter, title);
  return adapter.run ?? adapter.path;
}

/** Lists all that leaves the machine. */
async function confirm({ repository, isPublic, what, files }: PublishPlan): Promise<void> {
  const publish = isPublic ? t('Publish for everybody') : t('Publish privately');
  const list = files.map(({ path, size }) => t('{0}, {1} kB', path, Math.ceil(size / 1000)));
  const detail = [
    t('These files leave this machine. README.md is the model card, which names data files and their hashes.'),
    ...list,
    ...(what === 'vector' ? [dangerText(repository)] : []),
  ].join('\n');
  const chosen = await vscode.window.showWarningMessage(
    isPublic ? t('Publish {0}, readable by everybody?', repository) : t('Publish {0}?', repository),
    { modal: true, detail },
    publish,
  );
  if (chosen !== publish) throw new Cancelled();
}
