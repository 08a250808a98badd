import type { Computing, Precision } from '../../runtime/contract/recipeWords.js';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import type { TrainingDefaults } from '../../runtime/contract/modelInfo.js';
import type { Requests } from '../../runtime/contract/protocol.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { COMMANDS } from '../host/contributions.js';
import { reviewText } from '../data/reviews.js';
import { reviewedRows } from '../data/reviewedRows.js';
import { errorData, noVector } from '../host/errors.js';
import { expectation } from '../runs/estimates.js';
import type { RecipeFacts } from '../runs/recipe.js';
import type { Services } from '../services/services.js';
import { setting } from '../host/settings.js';
import { withProgress } from '../host/messages.js';
import { t } from '../host/text.js';
import { vectorsFor, withVectors } from '../services/choice.js';
import type { Model } from '../workspace/models.js';
import { askData } from './dataSource.js';
import { askSets, hasJudges, type SetsChoice } from './evaluationSets.js';
import { askModel } from './models.js';
import {
  fineTuneRecipe,
  freeFile,
  slug,
  vectorRecipe,
  vectorSources,
  writeRecipe,
  type FineTuneChoice,
  type RowsChoice,
  type VectorChoice,
} from './recipeFiles.js';
import { askRoot, requireRoots } from './root.js';
import { runRecipe, type Ended, type Starting } from './runs.js';
import { askRows } from './vectorRows.js';
import { wizard, type Choice, type Questions } from './wizard.js';

/** What a recipe has that nobody is asked for. */
type Made = 'device' | 'threads' | 'training' | 'generation' | 'output';

/** What asking for a training and running it takes. */
type Training = Starting &
  Pick<Services, 'engine' | 'files' | 'inspector' | 'mappings' | 'models' | 'reviews' | 'scans' | 'store'>;

/** An answer that is no file. */
const PUBLIC = '\0public';

/** Asks what a security vector is trained on, writes `recipes/NAME.json` and runs it. */
export async function trainVector(services: Training, given: CommandArguments['trainVector']): Promise<Ended> {
  services.assertTrusted();
  requireRoots();
  const known = new Map<string, string | undefined>();
  const choice = await wizard(t('Train a security vector'), async (ask) => {
    const model = await askModel(services, ask, given.model);
    const harmful = await askData(services, ask, {
      question: t('Which rows show the harmful behaviour?'),
      likely: /harm|toxic|forbidden|unsafe/i,
      model,
      file: given.harmful,
      columns: given.harmfulColumns,
      more: [
        { label: t('Rows of a public set…'), description: t('downloaded from the Hugging Face Hub'), value: PUBLIC },
      ],
    });
    if (harmful.file === PUBLIC) return { isPublic: true, model: model.path } as const;
    const none: Choice<string> = {
      label: t('None'),
      description: t('nothing keeps the vector from changing harmless answers'),
      value: '',
    };
    const without = given.benign === '' || given.benign === null;
    const benign = without
      ? undefined
      : await askData(services, ask, {
          question: t('Which harmless rows must the vector not change?'),
          likely: /benign|general|chat|harmless/i,
          model,
          file: given.benign ?? undefined,
          columns: given.benignColumns,
          not: harmful.file,
          more: [none],
        });
    const root = await askRoot(ask, harmful.file, benign?.file, model.path);
    const files = { root, model: model.path, harmful, benign: benign?.file ? benign : undefined };
    const suggestion = slug(basename(harmful.file));
    const will = async (rows: RowsChoice): Promise<string | undefined> => {
      const key = JSON.stringify([files, rows]);
      if (!known.has(key)) known.set(key, await expected(services, await recipeOf({ ...files, rows }, suggestion)));
      return known.get(key);
    };
    const rows = given.rows ?? (await askRows(services, ask, files, will));
    const name = given.name ?? (await askName(ask, suggestion, await will(rows)));
    return { ...files, rows, name };
  });
  if ('isPublic' in choice) return vscode.commands.executeCommand(COMMANDS.trainPublic, { model: choice.model });
  async function recipeOf(
    { root, ...chosen }: Omit<VectorChoice, 'training' | 'output' | 'device' | 'threads'> & { root: string },
    name: string,
  ) {
    const data = vectorSources(chosen);
    const training = await suggested(services, { model: chosen.model, data, method: 'vector' });
    const file = await freeFile(join(root, 'recipes'), slug(name));
    const output = join(root, 'vectors', basename(file, '.json'));
    return { file, recipe: vectorRecipe({ ...chosen, ...machine(), training, output }, file) };
  }
  const { file, recipe } = await recipeOf(choice, choice.name);
  await writeRecipe(file, recipe);
  return runWritten(services, file);
}

/** Asks what to fine-tune on, writes `recipes/NAME.json` and runs it. */
export async function fineTune(
  services: Training,
  given: CommandArguments['fineTuneProtected'],
  isProtected: boolean,
): Promise<Ended> {
  services.assertTrusted();
  requireRoots();
  const title = isProtected ? t('Fine-tune with protection') : t('Fine-tune without protection');
  const choice = await wizard(title, async (ask) => {
    const model = await askModel(services, ask, given.model, isProtected ? withVectors(services) : []);
    const asked = { question: t('Which data?'), likely: /train/i, model, file: given.data, columns: given.columns };
    const data = await askData(services, ask, asked);
    const vectors = isProtected ? (given.vectors ?? [await askVector(services, ask, model, given.adapter)]) : [];
    const strengthened =
      isProtected && (given.strengthened ?? (await ask.pick(t('How is it protected?'), strengths())));
    const method = given.method ?? (await ask.pick(t('What is trained?'), methods()));
    const sets: SetsChoice =
      given.evaluate || given.heldOut
        ? { evaluate: given.evaluate ?? [], heldOut: given.heldOut }
        : await askSets(services, ask, model, data, isProtected);
    const reviewed = await askReview(services, ask, data.file);
    const root = await askRoot(ask, data.file, model.path);
    const chosen = { root, model: model.path, data, reviewed, vectors, strengthened, method, ...sets } as const;
    const suggestion = `${slug(basename(data.file))}-${isProtected ? 'protected' : 'plain'}`;
    const name =
      given.name ?? (await askName(ask, suggestion, await expected(services, await recipeOf(chosen, suggestion))));
    return { ...chosen, name };
  });
  async function recipeOf({ root, ...chosen }: Omit<FineTuneChoice, Made> & { root: string }, name: string) {
    const anchored = chosen.strengthened && chosen.vectors.length > 0;
    const { model, method, vectors } = chosen;
    const data = { ...chosen.data, ...(chosen.reviewed && { exclude: 'reviewed' as const }) };
    const { generation, judges: known } = recipeLike(services, chosen.model);
    const judges = chosen.judges ?? known;
    const training = await suggested(services, { model, data: [data], method, anchored, vectors, judges });
    const file = await freeFile(join(root, 'recipes'), slug(name));
    const output = join(root, 'adapters', basename(file, '.json'));
    const how = { ...machine(), training, generation, judges, output };
    return { file, recipe: fineTuneRecipe({ ...chosen, ...how }, file) };
  }
  const { file, recipe } = await recipeOf(choice, choice.name);
  await writeRecipe(file, recipe);
  return runWritten(services, file);
}

/** What the engine finds to suit model and data: what another recipe trains with says nothing of these rows. */
const suggested = (
  { engine }: Pick<Services, 'engine'>,
  params: Requests['defaults']['params'],
): Promise<TrainingDefaults> =>
  Promise.resolve(
    withProgress(t('Reading the rows'), (onProgress, token) =>
      engine.request('defaults', params, { token, onProgress }),
    ),
  );

/** How answers are generated and judged depends on the model: as in other recipes of the workspace for it. */
export function recipeLike(
  { recipes }: Pick<Services, 'recipes'>,
  model: string,
): Pick<RecipeFacts, 'generation' | 'judges'> {
  const like = recipes.list().filter((recipe) => recipe.model === model);
  const { generation } = like.find((recipe) => recipe.generation !== undefined) ?? {};
  return { generation, judges: like.find(hasJudges)?.judges };
}

export const machine = (precision?: Precision): Computing & { threads: number } => ({
  device: setting('device'),
  precision,
  threads: setting('threads'),
});

async function runWritten(services: Starting, file: string): Promise<Ended> {
  await services.recipes.read(file);
  await vscode.window.showTextDocument(vscode.Uri.file(file), { preview: true, preserveFocus: true });
  return runRecipe(services, { file });
}

async function askVector(
  services: Parameters<typeof vectorsFor>[0],
  ask: Questions,
  model: Model,
  chosen: string | undefined,
): Promise<string> {
  const vectors = vectorsFor(services, model);
  if (chosen !== undefined && vectors.some((v) => v.path === chosen)) return chosen;
  if (vectors.length === 0) throw noVector(model.name);
  const choices = vectors.map((v) => ({
    label: v.name,
    description: vscode.workspace.asRelativePath(v.path),
    value: v.run ?? v.path,
  }));
  return ask.pick(t('Which security vector protects it?'), choices);
}

/** Whether the review beside the data counts, which may have come with them. */
async function askReview(
  services: Pick<Services, 'reviews' | 'scans'>,
  ask: Questions,
  file: string,
): Promise<boolean> {
  await ask.atFirst(file, () => services.reviews.require(file));
  const counts = reviewedRows(file, services);
  if (counts.exclude + counts.fine === 0) return false;
  return ask.pick(t('{0} has been reviewed. Use the review?', basename(file)), [
    { label: t('With the review: {0}', reviewText(counts)), value: true },
    { label: t('Without it'), description: t('all rows are trained on, and none counts as fine'), value: false },
  ]);
}

const strengths = (): Choice<boolean>[] => [
  {
    label: t('Strongest known'),
    description: t('recommended'),
    detail: t('Off only for surely ordinary rows; the scan decides on flagged ones; refusals are held.'),
    value: true,
  },
  { label: t('As in the paper'), description: t('the vector is on for every row'), value: false },
];

const methods = (): Choice<'lora' | 'full'>[] => [
  { label: t('An adapter (LoRA)'), description: t('small, can be attached and detached'), value: 'lora' },
  { label: t('The whole model'), description: t('needs more memory'), value: 'full' },
];

/**
 * What the run of a recipe that is not written yet will take, or why it fails or cannot be weighed; undefined for one
 * that trains elsewhere.
 */
async function expected(
  { engine }: Pick<Services, 'engine'>,
  { file, recipe }: { file: string; recipe: object },
): Promise<string | undefined> {
  try {
    const found = await engine.request('estimate', { recipe: file, text: JSON.stringify(recipe) });
    return found ? expectation(found).text : undefined;
  } catch (error) {
    const { kind, message } = errorData(error);
    return kind === 'input' ? message : undefined;
  }
}

const askName = (ask: Questions, suggestion: string, will: string | undefined): Promise<string> =>
  ask.input(
    will === undefined ? t('Name of the result') : t('Name of the result. The run: {0}', will),
    suggestion,
    (text) => (text.trim() ? undefined : t('A name is needed.')),
  );
