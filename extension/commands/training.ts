import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import type { CommandArguments } from '../host/commandArguments.js';
import { inputError } from '../host/errors.js';
import type { RecipeFacts } from '../runs/recipe.js';
import type { Services } from '../services/services.js';
import { setting } from '../host/settings.js';
import { t } from '../host/text.js';
import { dataDescription } from '../views/labels.js';
import { vectorsFor } from '../services/choice.js';
import type { Model } from '../workspace/models.js';
import { modelChoices } from './models.js';
import { fineTuneRecipe, freeFile, slug, vectorRecipe, writeRecipe, type EvaluationChoice } from './recipeFiles.js';
import { requireRoot } from './root.js';
import { runRecipe, type Ended, type Starting } from './runs.js';
import { wizard, type Choice, type Questions } from './wizard.js';

/** What asking for a training and running it takes. */
type Training = Starting & Pick<Services, 'files' | 'inspector' | 'models' | 'scans' | 'store'>;

/** Asks what a security vector is trained on, writes `recipes/NAME.json` and runs it. */
export async function trainVector(services: Training, given: CommandArguments['trainVector']): Promise<Ended> {
  services.assertTrusted();
  const root = requireRoot();
  const choice = await wizard(t('Train a security vector'), 4, async (ask) => {
    const model = await askModel(services, ask, given.model);
    const harmful =
      given.harmful ??
      (await ask.pick(
        t('Which rows show the harmful behaviour?'),
        dataChoices(services, /harm|toxic|forbidden|unsafe/i),
      ));
    const none: Choice<string> = {
      label: t('None'),
      description: t('nothing keeps the vector from changing harmless answers'),
      value: '',
    };
    const benign =
      given.benign !== undefined
        ? given.benign
        : await ask.pick(t('Which harmless rows must the vector not change?'), [
            ...dataChoices(services, /benign|general|chat|harmless/i).filter((c) => c.value !== harmful),
            none,
          ]);
    const name = given.name ?? (await askName(ask, slug(basename(harmful))));
    return { model: model.path, harmful, benign: benign || undefined, name };
  });
  const file = await freeFile(join(root, 'recipes'), slug(choice.name));
  const output = join(root, 'vectors', basename(file, '.json'));
  await writeRecipe(file, vectorRecipe({ ...choice, ...machine(), output }, file));
  return runWritten(services, file);
}

/** Asks what to fine-tune on, writes `recipes/NAME.json` and runs it. */
export async function fineTune(
  services: Training,
  given: CommandArguments['fineTuneProtected'],
  isProtected: boolean,
): Promise<Ended> {
  services.assertTrusted();
  const root = requireRoot();
  const title = isProtected ? t('Fine-tune with protection') : t('Fine-tune without protection');
  const choice = await wizard(title, isProtected ? 6 : 4, async (ask) => {
    const model = await askModel(services, ask, given.model);
    const data = given.data ?? (await ask.pick(t('Which data?'), dataChoices(services, /train/i)));
    const vectors = isProtected ? (given.vectors ?? [await askVector(services, ask, model, given.adapter)]) : [];
    const strengthened =
      isProtected && (given.strengthened ?? (await ask.pick(t('How is it protected?'), strengths())));
    const method = given.method ?? (await ask.pick(t('What is trained?'), methods()));
    const evaluate =
      given.evaluate ?? (await ask.pickMany(t('Which sets measure the result?'), evaluationChoices(services, model)));
    const suggestion = `${slug(basename(data))}-${isProtected ? 'protected' : 'plain'}`;
    const name = given.name ?? (await askName(ask, suggestion));
    return { model: model.path, data, vectors, strengthened, method, evaluate, name } as const;
  });
  const like = recipeLike(services, choice.model);
  const file = await freeFile(join(root, 'recipes'), slug(choice.name));
  const output = join(root, 'adapters', basename(file, '.json'));
  const { generation, batch, judges } = like ?? {};
  const recipe = { ...choice, ...machine(), generation, batch, judges, output };
  await writeRecipe(file, fineTuneRecipe(recipe, file));
  return runWritten(services, file);
}

/** A recipe of the workspace for the same model: how answers are generated and judged depends on the model. */
export const recipeLike = ({ recipes }: Pick<Services, 'recipes'>, model: string): RecipeFacts | undefined =>
  recipes.list().find((r) => r.model === model && (r.generation ?? r.batch ?? r.judges) !== undefined);

export function machine(): { device: 'auto' | 'cpu' | 'webgpu'; threads: number } {
  return { device: setting('device'), threads: setting('threads') };
}

/** Every set that some recipe measures, once; sets for the model first and chosen. */
export function evaluationChoices(services: Pick<Services, 'recipes'>, model: Model): Choice<EvaluationChoice>[] {
  const choices = new Map<string, Choice<EvaluationChoice>>();
  const recipes = services.recipes.list();
  for (const recipe of [...recipes.filter((r) => r.model === model.path), ...recipes]) {
    for (const set of recipe.evaluate) {
      if (choices.has(set.file)) continue;
      const description = `${set.measure} · ${vscode.workspace.asRelativePath(set.file)}`;
      choices.set(set.file, { label: set.name, description, picked: recipe.model === model.path, value: set });
    }
  }
  return [...choices.values()];
}

async function runWritten(services: Starting, file: string): Promise<Ended> {
  await services.recipes.read(file);
  await vscode.window.showTextDocument(vscode.Uri.file(file), { preview: true, preserveFocus: true });
  return runRecipe(services, { file });
}

async function askModel(
  { models: known }: Pick<Services, 'models'>,
  ask: Questions,
  path: string | undefined,
): Promise<Model> {
  const models = known.list();
  if (path !== undefined) return models.find((model) => model.path === path) ?? known.add(path);
  const [first] = models;
  if (!first) throw inputError(t('there is no model in this workspace.'), { remedy: t('Add one in the Models view.') });
  return models.length === 1 ? first : ask.pick(t('Which model?'), modelChoices(models));
}

async function askVector(
  services: Parameters<typeof vectorsFor>[0],
  ask: Questions,
  model: Model,
  chosen: string | undefined,
): Promise<string> {
  const vectors = vectorsFor(services, model);
  if (chosen !== undefined && vectors.some((v) => v.path === chosen)) return chosen;
  if (vectors.length === 0) {
    throw inputError(t('{0} has no security vector yet.', model.name), { remedy: t('Train one first.') });
  }
  const choices = vectors.map((v) => ({
    label: v.name,
    description: vscode.workspace.asRelativePath(v.path),
    value: v.run ?? v.path,
  }));
  return ask.pick(t('Which security vector protects it?'), choices);
}

function dataChoices(services: Training, likely: RegExp): Choice<string>[] {
  const files = services.files.dataFiles().filter((file) => !services.recipes.isEvaluationSet(file));
  if (files.length === 0) {
    throw inputError(t('there is no data file in this workspace.'), { remedy: t('Add a .jsonl file.') });
  }
  const first = files.filter((file) => likely.test(basename(file)));
  return [...first, ...files.filter((file) => !first.includes(file))].map((value) => ({
    label: vscode.workspace.asRelativePath(value),
    description: dataDescription(services.inspector.get(value), services.scans.get(value), false),
    value,
  }));
}

const strengths = (): Choice<boolean>[] => [
  {
    label: t('Routed and anchored'),
    description: t('the vector is on for rows it explains, and the base model’s refusals are held'),
    value: true,
  },
  { label: t('As in the paper'), description: t('the vector is on for every row'), value: false },
];

const methods = (): Choice<'lora' | 'full'>[] => [
  { label: t('An adapter (LoRA)'), description: t('small, can be attached and detached'), value: 'lora' },
  { label: t('The whole model'), description: t('needs more memory'), value: 'full' },
];

const askName = (ask: Questions, suggestion: string): Promise<string> =>
  ask.input(t('Name of the result'), suggestion, (text) => (text.trim() ? undefined : t('A name is needed.')));
