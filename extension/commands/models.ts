import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import type { CommandArguments } from '../host/commandArguments.js';
import { Cancelled, inputError, noFolder, noModel } from '../host/errors.js';
import { confirm } from './confirm.js';
import type { Services } from '../services/services.js';
import { folderOf } from '../host/paths.js';
import { revealButtons } from '../host/reveal.js';
import { STATE_FOLDER } from '../host/state.js';
import { t, times } from '../host/text.js';
import { adapterName } from '../../runtime/contract/adapterName.js';
import { hubName, isHubName } from '../../runtime/contract/hubName.js';
import { adapterDescription, dangerText, modelDescription } from '../views/labels.js';
import { adapterFacts } from '../runs/adapterFiles.js';
import { modelPaths } from '../services/choice.js';
import { sameAdapter, type Adapter, type Model } from '../workspace/models.js';
import { downloadAdapter, downloadModel } from './download.js';
import { exportChoices, exportName, requireHarmless, type ExportForm } from './exportChoices.js';
import { requireModel } from './pickedModel.js';
import { requireRoots, workspaceRoots } from './root.js';
import { wizard, type Choice, type Questions } from './wizard.js';

/** Adds a HF folder or a .gguf file: one that lies in the workspace, or one that is chosen. */
export async function addModel(
  services: Pick<
    Services,
    'assertTrusted' | 'engine' | 'models' | 'notices' | 'recipes' | 'secrets' | 'store' | 'workAtHand'
  >,
  argument: CommandArguments['addModel'],
): Promise<Model> {
  services.assertTrusted();
  requireRoots();
  let path = argument.path ?? (await chooseModelPath(services));
  if (path === HUB) return downloadModel(services, {});
  // In the explorer a file of the folder may be what was clicked.
  if (/[\\/](?:config\.json|[^\\/]+\.safetensors)$/.test(path)) path = dirname(path);
  await requireModel(path);
  const model = await services.models.add(path);
  const remove = { title: t('Remove it from the view'), run: () => services.models.remove(path) };
  if (model.problem)
    services.notices.warn(t('{0} was added, but it cannot be used: {1}', model.name, model.problem), remove);
  const { missing } = model.info ?? {};
  if (missing) {
    const { message, remedy } = missing;
    const text = t('{0} was added, but only rows of tokens can be used with it: {1} {2}', model.name, message, remedy);
    services.notices.warn(text, remove);
  }
  return model;
}

/** Stands for the choice to download one. */
const HUB = 'hub';

async function chooseModelPath(services: Pick<Services, 'models' | 'recipes' | 'store'>): Promise<string> {
  const known = new Set(services.models.list().map((m) => m.path));
  const found = [...new Set([...modelPaths(services), ...(await discoverModels())])].filter((path) => !known.has(path));
  const choices: Choice<string>[] = found.map((value) => ({
    label: basename(value),
    description: vscode.workspace.asRelativePath(value),
    iconPath: new vscode.ThemeIcon('circuit-board'),
    value,
  }));
  choices.push(
    { label: t('Choose a model folder…'), description: t('Hugging Face format'), value: 'folder' },
    { label: t('Choose a .gguf file…'), value: 'file' },
    { label: t('Download from the Hugging Face Hub…'), value: HUB },
  );
  const chosen = await wizard(t('Add a model'), (ask) => ask.pick(t('Which model?'), choices));
  if (chosen !== 'folder' && chosen !== 'file') return chosen;
  const [uri] =
    (await vscode.window.showOpenDialog({
      canSelectFolders: chosen === 'folder',
      canSelectFiles: chosen === 'file',
      filters: chosen === 'file' ? { GGUF: ['gguf'] } : undefined,
      openLabel: t('Add model'),
    })) ?? [];
  if (!uri) throw new Cancelled();
  return uri.fsPath;
}

/**
 * Folders with config.json and weights, and .gguf files, in the workspace; of one in parts, the first. Results of runs
 * are not among them.
 */
async function discoverModels(): Promise<string[]> {
  const exclude = `**/{node_modules,.git,.venv,checkpoint,adapter,${STATE_FOLDER}}/**`;
  const [configs, ggufs] = await Promise.all([
    vscode.workspace.findFiles('**/config.json', exclude, 200),
    vscode.workspace.findFiles('**/*.gguf', exclude, 200),
  ]);
  const folders: string[] = [];
  for (const { fsPath } of configs) {
    const names = await readdir(dirname(fsPath)).catch(() => []);
    if (names.some((name) => name.endsWith('.safetensors'))) folders.push(dirname(fsPath));
  }
  const files = ggufs.map((uri) => uri.fsPath).filter((file) => !/-(?!00001)\d{5}-of-\d{5}\.gguf$/i.test(file));
  return [...folders, ...files].sort();
}

/** Lists an adapter under a model: a PEFT folder, or one of the Hub, which is downloaded. It stays detached. */
export async function addAdapter(
  services: Pick<Services, 'assertTrusted' | 'engine' | 'models' | 'notices' | 'secrets' | 'workAtHand'>,
  given: CommandArguments['addAdapter'],
): Promise<void> {
  services.assertTrusted();
  const model = await chooseModel(services, given.model, t('Add an adapter'));
  const named = given.adapter ?? (await askAdapter());
  const adapter = isHubName(named) ? await downloadAdapter(services, named, model.path) : named;
  if (!(await adapterFacts(adapter))) throw noAdapter(adapter);
  const reason = await services.models.whyNot(model.path, adapter);
  if (reason !== null) throw doesNotFit(adapterName(adapter), model, reason);
  if (model.adapters.some(({ path }) => sameAdapter(path, adapter))) {
    // Its folder may have been gone.
    await services.models.refresh();
    return services.notices.info(t('{0} has "{1}" already.', model.name, adapterName(adapter)));
  }
  await services.models.attach(model.path, adapter, false);
  await services.models.inspectAgain(model.path);
}

/** A folder, or `hub:OWNER/NAME@REVISION`. */
async function askAdapter(): Promise<string> {
  return wizard(t('Add an adapter'), async (ask) => {
    const from = await ask.pick(t('Where is it?'), [
      {
        label: t('Choose an adapter folder…'),
        description: t('PEFT format, or a run folder'),
        value: 'folder' as const,
      },
      { label: t('Download from the Hugging Face Hub…'), value: 'hub' as const },
    ]);
    if (from === 'folder')
      return ask.browse({ canSelectFolders: true, canSelectFiles: false, openLabel: t('Add adapter') });
    const name = await ask.input(t('Adapter on the Hugging Face Hub: owner/name, or owner/name@revision'), '', (text) =>
      hubName(asHubName(text)) ? undefined : t('Give it as owner/name or owner/name@revision.'),
    );
    return asHubName(name);
  });
}

const asHubName = (text: string): string => `hub:${text.trim().replace(/^hub:/, '')}`;

const doesNotFit = (name: string, model: Model, reason: string): Error =>
  inputError(t('"{0}" does not fit {1}: {2}', name, model.name, reason), {
    remedy: t('Choose an adapter that was trained on this model.'),
  });

const noAdapter = (path: string): Error =>
  inputError(t('this is not an adapter: it has no adapter_config.json.'), {
    place: path,
    remedy: t('Choose a folder in PEFT format, or a run folder.'),
  });

/** Takes a model out of the view, which is kept in the workspace; its files stay. */
export async function removeModel(
  services: Pick<Services, 'assertTrusted' | 'models'>,
  given: CommandArguments['removeModel'],
): Promise<void> {
  services.assertTrusted();
  const model = await chooseModel(services, given.model, t('Remove a model from the view'));
  await services.models.remove(model.path);
}

/** Attaches or detaches an adapter. Attaching a security vector asks first: it makes the model do harm. */
export async function setAttached(
  services: Pick<Services, 'assertTrusted' | 'models'>,
  given: CommandArguments['attach'],
  attached: boolean,
): Promise<void> {
  if (attached) services.assertTrusted();
  const title = attached ? t('Attach an adapter') : t('Detach an adapter');
  // What was attached by the last click counts.
  await services.models.settled();
  const model = await chooseModel(services, given.model, title);
  const adapter = await chooseAdapter(model, given.adapter, title, !attached);
  if (attached && adapter.reason !== null) throw doesNotFit(adapter.name, model, adapter.reason);
  if (attached && adapter.role !== 'task' && !given.confirmed) await confirmDanger(adapter);
  const others = model.adapters.filter((a) => a.attached && a.role === 'task' && a.path !== adapter.path);
  const isAdded = attached && adapter.role === 'task' && given.scale === undefined && others.length > 0;
  const scales = isAdded ? await chooseTogether(adapter, others) : new Map([[adapter.path, given.scale]]);
  if (isAdded)
    for (const { path } of others) await services.models.attach(model.path, path, scales.has(path), scales.get(path));
  await services.models.attach(model.path, adapter.path, attached, scales.get(adapter.path));
}

/**
 * Two task adapters add up: only one is meant, or each has its weight.
 * @returns weights by path; those without one are detached
 */
async function chooseTogether(adapter: Adapter, others: readonly Adapter[]): Promise<Map<string, number>> {
  const names = others.map(({ name }) => name).join(', ');
  const { name, path, scale } = adapter;
  return wizard(t('Attach an adapter'), async (ask) => {
    const add = await ask.pick(t('{0} is attached. The changes of two adapters add up.', names), [
      {
        label: t('Only {0}', scale === 1 ? name : `${name} ${times(scale)}`),
        description: t('{0} is detached', names),
        value: false,
      },
      {
        label: t('Both, each with a weight…'),
        description: [...others, adapter].map((a) => a.name).join(' + '),
        value: true,
      },
    ]);
    if (!add) return new Map([[path, scale]]);
    const weights = new Map<string, number>();
    for (const { name, path, scale } of [...others, adapter])
      weights.set(path, await askWeight(ask, t('Weight of {0}', name), scale));
    return weights;
  });
}

export const askWeight = async (ask: Questions, question: string, proposed: number): Promise<number> =>
  Number(
    await ask.input(question, String(proposed), (text) =>
      text.trim() !== '' && Math.abs(Number(text)) <= 1000 ? undefined : t('Give a number, such as 0.5.'),
    ),
  );

/** @throws Cancelled when the person does not want it */
export async function confirmDanger(adapter: Pick<Adapter, 'name' | 'role'>): Promise<void> {
  const detail =
    adapter.role === null
      ? t(
          'It is not known whether "{0}" is a security vector. If it is, the model will answer harmful requests.',
          adapter.name,
        )
      : dangerText(adapter.name);
  await confirm(t('Attach a security vector outside training?'), detail, t('Attach anyway'));
}

export async function chat(
  services: Pick<Services, 'assertTrusted' | 'chatPanels' | 'models'>,
  given: CommandArguments['chat'],
): Promise<void> {
  services.assertTrusted();
  const model = await chooseModel(services, given.model, t('Chat'));
  await services.chatPanels.show(model.path);
}

/** Exports an adapter, or a model with what is attached to it. @returns what was written. */
export async function exportAdapter(
  services: Pick<Services, 'assertTrusted' | 'engine' | 'models' | 'notices' | 'workAtHand'>,
  { format, quantization, what, ...given }: CommandArguments['exportAdapter'],
): Promise<{ path: string; sha256: string }> {
  services.assertTrusted();
  const title = t('Export');
  const model = await chooseModel(services, given.model, title);
  const adapters =
    given.adapter === undefined
      ? model.adapters.filter((a) => a.attached)
      : [await chooseAdapter(model, given.adapter, title)];
  // Named choices are used as they are; the engine refuses what does not go together.
  const form: ExportForm = format
    ? { format, quantization, what }
    : await wizard(title, (ask) => ask.pick(t('Which format?'), exportChoices(adapters)));
  requireHarmless(adapters, form.format);
  const out = given.out ?? (await chooseOut(model, adapters, form));
  const references = adapters.map((a) => ({ path: a.path, scale: a.scale }));
  const params = { model: model.path, adapters: references, ...form, out };
  const asked = { model: model.path, adapter: given.adapter, ...form, out };
  const result = await services.workAtHand.during(
    { command: 'exportAdapter', given: asked },
    t('Exporting {0}', basename(out)),
    (onProgress, token) => services.engine.request('export', params, { token, onProgress }),
  );
  const said = [t('Exported to {0}.', result.path), ...(result.notes ?? [])].join(' ');
  services.notices.info(said, ...revealButtons(result.path));
  return result;
}

async function chooseOut(model: Model, adapters: readonly Adapter[], form: ExportForm): Promise<string> {
  const name = exportName(model, adapters, form);
  const roots = workspaceRoots();
  const root = folderOf(model.path, roots) ?? roots[0] ?? dirname(model.path);
  const uri = await vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.file(join(root, 'exports', name)),
    saveLabel: t('Export'),
  });
  if (!uri) throw new Cancelled();
  return uri.fsPath;
}

/** The model a command is about: the one given, the only one, or the one chosen. */
export async function chooseModel(
  services: Pick<Services, 'models'>,
  path: string | undefined,
  title: string,
): Promise<Model> {
  return wizard(title, (ask) => askModel(services, ask, path));
}

/** Why there is none: without a folder none can be added. */
export const noModels = (): Error => (workspaceRoots().length === 0 ? noFolder() : noModel());

/** The same as a question of a wizard. @param likely those that are offered, where there are any */
export async function askModel(
  { models: known }: Pick<Services, 'models'>,
  ask: Questions,
  path: string | undefined,
  likely: readonly Model[] = [],
): Promise<Model> {
  const all = known.list();
  if (path !== undefined) return all.find((model) => model.path === path) ?? known.add(path);
  const models = likely.length > 0 ? likely : all;
  const [first] = models;
  if (!first) throw noModels();
  if (models.length === 1) return first;
  const choices = models.map((value) => ({ label: value.name, description: modelDescription(value), value }));
  return ask.pick(t('Which model?'), choices);
}

/** How an adapter is offered: security vectors with a sign. */
export const asChoice = (adapter: Adapter): vscode.QuickPickItem => ({
  label: `${adapter.role === 'security' ? '$(shield) ' : ''}${adapter.name}`,
  description: adapterDescription(adapter),
});

export async function chooseAdapter(
  model: Model,
  path: string | undefined,
  title: string,
  attached?: boolean,
): Promise<Adapter> {
  const given = model.adapters.find((adapter) => adapter.path === path || (path !== undefined && adapter.run === path));
  if (given) return given;
  if (path !== undefined) {
    const facts = await adapterFacts(path);
    if (!facts) throw noAdapter(path);
    return { path, name: adapterName(path), ...facts, reason: null, attached: false, scale: 1 };
  }
  const isOffered = (a: Adapter): boolean => attached !== false || a.reason === null;
  const adapters = model.adapters.filter((a) => isOffered(a) && (attached === undefined || a.attached === attached));
  if (adapters.length === 0) {
    if (attached) throw inputError(t('no adapter is attached to {0}.', model.name), { remedy: t('Attach one first.') });
    throw inputError(t('{0} has no such adapter.', model.name), { remedy: t('Train one, or add a PEFT folder.') });
  }
  const choices = adapters.map((value) => ({ ...asChoice(value), value }));
  return wizard(title, (ask) => ask.pick(t('Which adapter?'), choices));
}
