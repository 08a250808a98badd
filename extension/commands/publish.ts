import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import type { PublishPlan } from '../../runtime/contract/exports.js';
import type { Requests } from '../../runtime/contract/protocol.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { inputError } from '../host/errors.js';
import { withProgress } from '../host/messages.js';
import { t } from '../host/text.js';
import type { Services } from '../services/services.js';
import { modelPath, runTitle } from '../runs/compare.js';
import { isRunning, type Run } from '../runs/run.js';
import { dangerText } from '../views/labels.js';
import { adapterOf, type Adapter, type Model } from '../workspace/models.js';
import { requireHubToken } from './hub.js';
import { exportName } from './exportChoices.js';
import { asChoice, chooseAdapter, chooseModel, exportAdapter } from './models.js';
import { freeFile, slug } from './recipeFiles.js';
import { confirm } from './confirm.js';
import { rootFor } from './root.js';
import { wizard, type Choice } from './wizard.js';

type Publishing = Pick<
  Services,
  'assertTrusted' | 'engine' | 'models' | 'notices' | 'secrets' | 'store' | 'workAtHand'
>;

/** Publishes an adapter, a vector or a model on the Hub. What leaves the machine is listed first. */
export async function publish(
  services: Publishing,
  given: CommandArguments['publish'],
): Promise<Requests['publish']['result']> {
  services.assertTrusted();
  const title = t('Publish on the Hugging Face Hub');
  const { folder, run } =
    given.folder === undefined ? await chooseWhat(services, given, title) : { ...given, folder: given.folder };
  const { repository, isPublic } = await wizard(title, async (ask) => ({
    repository:
      given.repository ??
      (await ask.input(t('Repository: owner/name'), `/${slug(basename(folder))}`, (text) =>
        /^[\w.-]+\/[\w.-]+$/.test(text) ? undefined : t('Give it as owner/name.'),
      )),
    isPublic:
      given.isPublic ??
      (await ask.pick(t('Who may read it?'), [
        { label: t('Private'), description: t('you, and members of its organisation'), value: false },
        { label: t('Public'), description: t('everybody'), value: true },
      ])),
  }));
  // All files are hashed next: whoever has no token is not to wait for that.
  const token = await requireHubToken(services);
  const params = { folder, run, repository, isPublic, token };
  const publishing = t('Publishing {0}', repository);
  const plan = await withProgress(publishing, (_, cancel) =>
    services.engine.request('planPublish', params, { token: cancel }),
  );
  await confirmPlan(plan);
  const sent = { ...params, planned: plan.sha256 };
  const asked = { folder, run, repository, isPublic };
  const done = await services.workAtHand.during(
    { command: 'publish', given: asked },
    publishing,
    (onProgress, cancel) => services.engine.request('publish', sent, { token: cancel, onProgress }),
  );
  const isClosed = isPublic && !done.isPublic;
  const told = isClosed
    ? t('Published as {0}, which is private: only you and members of its organisation can read it.', repository)
    : t('Published as {0}.', repository);
  services.notices.info(told, {
    title: t('Open'),
    run: () => vscode.env.openExternal(vscode.Uri.parse(done.url)),
  });
  return done;
}

interface What {
  folder: string;
  /** What made it, where the folder does not tell. */
  run?: string;
}

/** An adapter, the model with what is attached merged in, or what a full fine-tuning has made of it. */
async function chooseWhat(services: Publishing, given: CommandArguments['publish'], title: string): Promise<What> {
  const model = await chooseModel(services, given.model, title);
  if (given.adapter !== undefined) {
    const adapter = await chooseAdapter(model, given.adapter, title);
    return { folder: adapter.run ?? adapter.path };
  }
  const attached = model.adapters.filter((adapter) => adapter.attached);
  const made = services.store.list().filter((run) => modelPath(run) === model.path && isWholeModel(run));
  const choices: Choice<() => What | Promise<What>>[] = [
    ...model.adapters.map((adapter) => ({
      ...asChoice(adapter),
      value: () => ({ folder: adapter.run ?? adapter.path }),
    })),
    ...(attached.length > 0 && attached.every(({ role }) => role === 'task')
      ? [
          {
            label: t('{0} with {1} merged in', model.name, attached.map(({ name }) => name).join(' + ')),
            description: t('a whole model; it is exported first'),
            value: () => merge(services, model, attached),
          },
        ]
      : []),
    ...made.map((run) => ({
      label: runTitle(run),
      description: t('a whole model'),
      value: () => ({ folder: run.folder }),
    })),
  ];
  if (choices.length === 0)
    throw inputError(t('{0} has nothing to publish yet.', model.name), { remedy: t('Train an adapter, or add one.') });
  const chosen = await wizard(title, (ask) => ask.pick(t('What is published?'), choices));
  return chosen();
}

const isWholeModel = (run: Run): boolean =>
  run.manifest?.kind === 'finetune' && run.result !== undefined && !adapterOf(run) && !isRunning(run);

/** Exports the model with its adapters merged in, beside what was exported before. */
async function merge(services: Publishing, model: Model, attached: readonly Adapter[]): Promise<What> {
  const form = { format: 'safetensors' } as const;
  const out = await freeFile(join(await rootFor(model.path), 'exports'), exportName(model, attached, form), '');
  const { path: folder } = await exportAdapter(services, { model: model.path, out, ...form });
  // The card says what a run has proved of these weights, which are those of one adapter as it was trained.
  const [only] = attached;
  return { folder, ...(attached.length === 1 && only?.scale === 1 && { run: only.run }) };
}

/** Lists all that leaves the machine. */
async function confirmPlan({ repository, isPublic, what, files, removed }: PublishPlan): Promise<void> {
  const list = files.map(({ path, size }) => t('{0}, {1} kB', path, Math.ceil(size / 1000)));
  const detail = [
    t('These files leave this machine. README.md is the model card, which names data files and their hashes.'),
    ...list,
    ...(removed.length > 0
      ? [t('Files of an earlier upload that would be mixed up with these are removed there: {0}.', removed.join(', '))]
      : []),
    ...(what === 'vector' ? [dangerText(repository)] : []),
  ].join('\n');
  await confirm(
    isPublic ? t('Publish {0}, readable by everybody?', repository) : t('Publish {0}?', repository),
    detail,
    isPublic ? t('Publish for everybody') : t('Publish privately'),
  );
}
