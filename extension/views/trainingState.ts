import { basename } from 'node:path';
import { adapterName } from '../../runtime/contract/adapterName.js';
import { recipeSchemas, type FinetuneRecipe } from '../../runtime/contract/recipe.js';
import type { Decision } from '../../runtime/contract/review.js';
import { reviewText } from '../data/reviews.js';
import { SCAN_LIMIT } from '../../runtime/contract/scan.js';
import { isRecallExtrapolated } from '../../runtime/contract/scanText.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { isHubName } from '../../runtime/contract/hubName.js';
import type { ReadAs } from '../../runtime/contract/mapping.js';
import type { ErrorData } from '../../runtime/contract/errors.js';
import {
  OTHER_FILE,
  type TrainingChoice,
  type TrainingField,
  type TrainingForm,
  type TrainingKey,
  type TrainingNotice,
} from '../../webview/protocol/training.js';
import type { Counted } from '../data/files.js';
import type { Scan, Since } from '../data/scans.js';
import { errorData, inputError } from '../host/errors.js';
import { numbers, percent, t } from '../host/text.js';
import { requireRecipe, type RecipeFacts } from '../runs/recipe.js';
import { keyOffset, relativeTo, setData, setValue, valueText, type Edit } from '../runs/recipeEdit.js';
import { viewOf } from '../runs/reading.js';
import { isRunning, type Run } from '../runs/run.js';
import { adapterOf, sameAdapter, type Adapter, type Model } from '../workspace/models.js';
import { dataDescription, dataTooltip, modelDescription, modelFacts, runDescription } from './labels.js';

/** What the window knows of the files that a recipe names. */
export interface Known {
  models: readonly Model[];
  recipes: readonly RecipeFacts[];
  /** Data files that are no evaluation sets. */
  data: readonly string[];
  /** How a data file is read, as a recipe, its scan or a person has said it. */
  readAs(file: string): ReadAs;
  /** What somebody has decided about rows of a data file. */
  review(file: string): Record<Decision, number>;
  /** Security vectors that fit the recipe's model. */
  vectors: readonly Adapter[];
  /** Whether the protection that was taken out of the recipe can be put back. */
  canRestore: boolean;
  runs: readonly Run[];
  counted(file: string): Counted | undefined;
  scan(file: string): Scan | undefined;
  since(file: string): Since;
  exists(path: string): boolean;
  /** As a path of the workspace. */
  relative(path: string): string;
}

/** A fine-tuning recipe as its text says it. */
export interface Written {
  facts: RecipeFacts;
  /** With its defaults; undefined where the schema refuses it. */
  recipe?: FinetuneRecipe;
  error?: ErrorData;
}

/** Reads a recipe's text as it stands in its editor: a fault is told and shown, not thrown. */
export function readWritten(text: string, file: string): Partial<Written> {
  let facts: RecipeFacts;
  try {
    facts = requireRecipe(text, file);
  } catch (error) {
    return { error: errorData(error) };
  }
  const { success, data, error } = safeParse(recipeSchemas.finetune, facts.raw);
  if (success) return { facts, recipe: data };
  const [issue] = error.issues;
  const key = issue?.path.join('.') ?? '';
  const line = text.slice(0, keyOffset(text, key)).split('\n').length;
  const message = key ? t('"{0}": {1}.', key, issue!.message) : `${issue?.message}.`;
  return {
    ...(facts.kind === 'finetune' && { facts }),
    error: inputError(message, { place: `${file}:${line}`, remedy: t('Correct the line.') }).data,
  };
}

/** What the buttons of a form work on. */
export interface Targets {
  /** The adapter of the recipe's vector, to scan with. */
  vector?: string;
  /** The recipe that makes the vector. */
  vectorRecipe?: string;
}

/** The panel's picture of a recipe. */
export function trainingForm(
  { facts, recipe }: Written,
  known: Known,
): { form: TrainingForm; notices: TrainingNotice[]; targets: Targets } {
  const model = modelField(facts, known);
  const data = dataField({ facts, recipe }, known);
  const vector = vectorField(facts, known);
  const isProtected = facts.vectors.length > 0;
  const ready = recipe !== undefined && [model, data, vector].every(({ missing }) => missing === undefined);
  const own = known.runs.some((run) => isRunning(run) && isOf(run, facts));
  // With nothing to scan with there is no use in saying that nothing was scanned.
  const [file = ''] = facts.data;
  const scanned = known.scan(file) !== undefined && !known.since(file).changed;
  if (vector.adapter !== undefined && !data.missing && !scanned)
    data.field.button = { action: 'scan', label: t('Scan for harmful rows') };
  return {
    form: {
      fields: { model: model.field, data: data.field, vector: vector.field },
      isProtected,
      canProtect: isProtected || known.canRestore || known.vectors.length > 0,
      settings: recipe ? settingsOf(recipe) : [],
      canStart: ready && !own,
    },
    notices: [
      ...[model, data, vector].flatMap(({ missing }) => missing ?? []),
      ...(data.missing ? [] : formatNotice(file, recipe, known)),
      ...reviewNotice(file, recipe, known),
    ],
    targets: { vector: vector.adapter, vectorRecipe: vector.recipe },
  };
}

/** Runs of a recipe: those that it names, and those that were to write elsewhere. */
export const isOf = (run: Run, { file, output }: Pick<RecipeFacts, 'file' | 'output'>): boolean =>
  run.folder === output || run.recipe?.file === file;

interface Field {
  field: TrainingField;
  /** What must be done before the recipe can run. */
  missing?: TrainingNotice;
}

function modelField({ model: path }: RecipeFacts, { models, exists, relative }: Known): Field {
  const model = models.find((one) => one.path === path);
  const others = models.some((one) => one.path === path) ? [] : [{ value: path, label: basename(path) }];
  const field: TrainingField = {
    choices: [...others, ...models.map((one) => ({ value: one.path, label: one.name }))],
    value: path,
    note: model ? modelDescription(model) : '',
    details: model ? modelFacts(model).join('\n') : path,
  };
  if (exists(path)) return { field };
  field.note = t('not there');
  const buttons = [{ action: 'addModel' as const, label: t('Add a model') }];
  return { field, missing: { text: t('The model {0} is missing.', relative(path)), buttons } };
}

function dataField({ facts, recipe }: Written, known: Known): Field {
  const [path = ''] = facts.data;
  const { exists, relative, data, counted, scan, since } = known;
  const files = data.includes(path) || path === '' ? data : [path, ...data];
  const choices = [...named(files, relative), { value: OTHER_FILE, label: t('Browse…') }];
  const field: TrainingField = { choices, value: path, note: '' };
  if (path !== '' && exists(path)) {
    field.note = dataDescription(counted(path), scan(path), false);
    field.details = dataTooltip(path, counted(path), scan(path), since(path));
    return { field, missing: columnsNotice(path, recipe, known) };
  }
  field.note = t('not there');
  const buttons =
    data.length === 0
      ? [{ action: 'openSample' as const, label: t('Open the sample') }]
      : [
          { action: 'browseData' as const, label: t('Choose a data file…') },
          { action: 'openFile' as const, label: t('Open recipe') },
        ];
  const text = path === '' ? t('The recipe names no data.') : t('The data file {0} is missing.', relative(path));
  return { field, missing: { text, buttons } };
}

/** A run reads by what its recipe says, and by nothing else that is known of the columns. */
function columnsNotice(path: string, recipe: FinetuneRecipe | undefined, known: Known): TrainingNotice | undefined {
  const counted = known.counted(path);
  const isUnknown = counted !== undefined && 'unmapped' in counted;
  if (!recipe || isReadingSaid(recipe) || !(isUnknown || known.readAs(path).columns)) return undefined;
  return {
    text: t('The recipe does not say what the columns of {0} are.', basename(path)),
    buttons: [{ action: 'columns', label: isUnknown ? t('Choose columns…') : t('Write them into the recipe') }],
  };
}

const isReadingSaid = ({ data }: FinetuneRecipe): boolean => data.columns !== undefined || data.format !== 'auto';

/**
 * Rows that fit several formats are read by their first one where the recipe says none: it may be the one that is
 * meant.
 */
function formatNotice(path: string, recipe: FinetuneRecipe | undefined, known: Known): TrainingNotice[] {
  const { format } = known.readAs(path);
  if (!recipe || isReadingSaid(recipe) || format === undefined) return [];
  return [
    {
      text: t('The row format of {0} is known to be "{1}". This recipe does not name it.', basename(path), format),
      buttons: [{ action: 'columns', label: t('Write it into the recipe') }],
    },
  ];
}

/** A review counts only where the recipe says so; whoever made it, it is seen there what it does. */
function reviewNotice(file: string, recipe: FinetuneRecipe | undefined, known: Known): TrainingNotice[] {
  const counts = known.review(file);
  const name = basename(file);
  if (!recipe || counts.exclude + counts.fine === 0) return [];
  if (recipe.data.exclude !== undefined) {
    const text = t('With the review beside {0}: {1}.', name, reviewText(counts));
    return [{ text, buttons: [{ action: 'leaveReview', label: t('Train without the review') }] }];
  }
  if (counts.exclude === 0) return [];
  const text =
    counts.exclude === 1
      ? t('The review beside {0} excludes one row. This recipe trains on it.', name)
      : t(
          'The review beside {0} excludes {1} rows. This recipe trains on them.',
          name,
          numbers().count(counts.exclude),
        );
  return [{ text, buttons: [{ action: 'useReview', label: t('Use the review') }] }];
}

function vectorField(facts: RecipeFacts, known: Known): Field & { adapter?: string; recipe?: string } {
  const [path = '', ...more] = facts.vectors;
  const { vectors, recipes, runs, exists } = known;
  const adapter = vectors.find((one) => sameAdapter(one.path, path));
  const choices: TrainingChoice[] = vectors.map((one) => ({
    value: one === adapter ? path : (one.run ?? one.path),
    label: one.name,
  }));
  if (path === '') choices.unshift({ value: '', label: t('none') });
  else if (!adapter) choices.unshift({ value: path, label: adapterName(path) });
  const field: TrainingField = { choices, value: path, note: '' };
  if (path === '') {
    if (vectors.length > 0) return { field, adapter: vectors[0]?.path };
    field.note = t('Without a vector, harmful rows train the model like all others.');
    field.button = { action: 'trainVector', label: t('Train a security vector') };
    return { field };
  }
  const run = runs.find((one) => sameAdapter(one.folder, path));
  const others = more.length > 0 ? t('and {0} more', more.length) : '';
  const made = run ? adapterOf(run)?.role === 'security' : isHubName(path) || exists(path);
  // Of one that is at work the panel says so; its steps are the run's own.
  field.note = [run && !isRunning(run) ? qualityText(run) : '', others].filter(Boolean).join(' · ');
  field.details = run && adapterOf(run) ? viewOf(run).headline : path;
  if (adapter ?? made) {
    if (!adapter && vectors.length > 0) field.note = t('not known to fit this model');
    return { field, adapter: adapter?.path ?? path };
  }
  if (run && isRunning(run))
    return { field, missing: { text: t('{0} is being trained.', adapterName(path)), buttons: [] } };
  const maker = recipes.find(({ kind, output }) => kind === 'vector' && sameAdapter(output, path));
  field.note ||= t('not trained yet');
  const text = t('The security vector {0} is not trained yet.', adapterName(path));
  const action = maker ? ('trainNamedVector' as const) : ('trainVector' as const);
  const label = maker ? t('Train {0}', adapterName(path)) : t('Train a security vector');
  return { field, missing: { text, buttons: [{ action, label }] }, recipe: maker?.file };
}

/**
 * "✓ finds 98 % at 1 % false alarms", as was measured on rows that it was not trained on; else how its run ended. The
 * whole verdict says what an extrapolated share rests on.
 */
function qualityText(run: Run): string {
  const { recall, ...quality } = run.done?.vector ?? {};
  if (recall === undefined) return runDescription(run);
  const [found, rate] = [percent(recall), percent(SCAN_LIMIT.falseAlarms)];
  const finds = isRecallExtrapolated(quality)
    ? t('finds about {0} at {1} false alarms', found, rate)
    : t('finds {0} at {1} false alarms', found, rate);
  return `${viewOf(run).mark} ${finds}`.trim();
}

/** Names of files: what differs is enough, the whole path where two have the same name. */
function named(files: readonly string[], relative: (path: string) => string): TrainingChoice[] {
  const names = files.map((file) => basename(file));
  return files.map((value, i) => {
    const name = names[i]!;
    return { value, label: names.indexOf(name) === names.lastIndexOf(name) ? name : relative(value) };
  });
}

/** The recipes of the workspace to choose from. */
export const recipeChoices = (files: readonly string[], relative: (path: string) => string): TrainingChoice[] =>
  named(files, relative).map(({ value, label }) => ({ value, label: label.replace(/(?:\.recipe)?\.json$/, '') }));

/** What a choice of the panel shows first: the strongest protection that the workspace has a recipe for. */
export function firstRecipe(recipes: readonly RecipeFacts[]): RecipeFacts | undefined {
  const strength = ({ vectors, raw }: RecipeFacts): number =>
    vectors.length === 0 ? 0 : raw['protection'] !== undefined && raw['protection'] !== false ? 2 : 1;
  return [...recipes].sort((a, b) => strength(b) - strength(a))[0];
}

function settingsOf({ method, adapter, epochs, steps, optimizer }: FinetuneRecipe): TrainingForm['settings'] {
  const n = numbers();
  return [
    method === 'lora'
      ? adapter.rank === undefined
        ? { text: 'LoRA', key: 'adapter.init' }
        : { text: t('LoRA r {0}', adapter.rank), key: 'adapter.rank' }
      : { text: t('whole model'), key: 'method' },
    epochs === undefined
      ? { text: t('{0} steps', n.count(steps ?? 0)), key: 'steps' }
      : { text: epochs === 1 ? t('1 epoch') : t('{0} epochs', n.number(epochs)), key: 'epochs' },
    { text: t('lr {0}', n.number(optimizer.learningRate)), key: 'optimizer.learningRate' },
  ];
}

/** Keys that a new one stands before, the first of them that there is. */
const AFTER_VECTORS = ['protection', 'probes', 'evaluate', 'output'];
const AFTER_PROTECTION = ['probes', 'evaluate', 'output'];

/** What the recipe says of its protection, as it is written. */
interface Protection {
  vectors: string;
  protection?: string;
}

/** A data file, and what a recipe that names it has to say of its rows. */
interface ChosenData extends ReadAs {
  file: string;
  /** Somebody has decided about its rows. */
  reviewed: boolean;
}

/** The change of a recipe's text that another data file is: what it says of the rows of the old one goes. */
export function chosenData(text: string, file: string, { format, columns, reviewed, ...data }: ChosenData): Edit[] {
  const value = JSON.stringify(relativeTo(file)(data.file));
  const isOther = valueText(text, 'data.file') !== value;
  return setData(text, {
    file: value,
    ...((isOther || columns || format) && {
      format: format && JSON.stringify(format),
      columns: columns && JSON.stringify(columns),
    }),
    ...(isOther && { exclude: reviewed ? '"reviewed"' : undefined }),
  });
}

/**
 * The change of a recipe's text that the choice of a model or a vector is. Where it protects anew, it does so as it did
 * before, else with the best that is known, unless the recipe says how.
 */
export function chosen(
  text: string,
  file: string,
  key: Exclude<TrainingKey, 'data'>,
  path: string,
  before?: Protection,
): Edit[] {
  const value = JSON.stringify(relativeTo(file)(path));
  if (key === 'model') return setValue(text, key, value);
  if (valueText(text, 'vectors.0.adapter') !== undefined) return setValue(text, 'vectors.0.adapter', value);
  const protection = before ? before.protection : valueText(text, 'protection') === undefined ? 'true' : undefined;
  return protectedBy(text, {
    vectors: `[{ "adapter": ${value}, "scale": 1 }]`,
    ...(protection !== undefined && { protection }),
  });
}

/** Protects again as before. */
export const protectedBy = (text: string, { vectors, protection }: Protection): Edit[] => [
  ...setValue(text, 'vectors', vectors, AFTER_VECTORS),
  ...(protection === undefined ? [] : setValue(text, 'protection', protection, AFTER_PROTECTION)),
];

/** Takes the protection out of the recipe. @returns what it was, too */
export function unprotected(text: string): { edits: Edit[]; was: Protection } {
  const vectors = valueText(text, 'vectors');
  const protection = valueText(text, 'protection');
  return {
    edits: [
      ...(vectors === undefined ? [] : setValue(text, 'vectors', '[]')),
      // The engine refuses a protection without a vector.
      ...(protection === undefined ? [] : setValue(text, 'protection', 'false')),
    ],
    was: { vectors: vectors ?? '[]', ...(protection !== undefined && { protection }) },
  };
}
