/** The sizes of all rows that a recipe trains on and measures. */
import { BASELINES } from '../contract/baselines.js';
import type { BrokenRows } from '../contract/estimate.js';
import type { TrainingRecipe } from '../contract/kinds.js';
import type { FinetuneRecipe, VectorRecipe } from '../contract/recipe.js';
import type { EvaluationSet } from '../contract/recipeData.js';
import { openTokenizer } from '../models/openTokenizer.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import { heldOutCount } from '../recipes/training/heldOut.js';
import { rowsForShare } from '../recipes/fineTune/mix.js';
import { anchorRows, strategyOf } from '../recipes/protection/strategy.js';
import { HumanError } from '../support/errors.js';
import { joined, ownSizes } from './joinedRows.js';
import type { RowsOfRecipe } from './parts.js';
import { meanSize, rowSizes, type RowSizes } from './rows.js';

type Source = Parameters<typeof rowSizes>[1] & { file: string };

interface Reader {
  readonly tokenizer: Tokenizer;
  /** Of rows that are learned. */
  readonly maxTokens: number;
  readonly learned: (source: Source) => Promise<RowSizes>;
  /** Rows that are not trained on: they may be longer. */
  readonly measured: (source: Source) => Promise<RowSizes>;
  /** Of what was read. */
  readonly broken: Map<string, BrokenRows>;
}

interface Options {
  readonly path: (written: string) => string;
  readonly signal?: AbortSignal;
}

/** @throws HumanError for a model without a tokenizer, and for a file that cannot be read */
export async function rowsOfRecipe(recipe: TrainingRecipe, options: Options): Promise<RowsOfRecipe> {
  const reader = await readerFor(recipe, options);
  const { broken } = reader;
  const rows = recipe.kind === 'vector' ? vectorRows(recipe, reader) : fineTuneRows(recipe, reader, options.path);
  return { ...(await rows), broken };
}

async function readerFor({ model, batch }: TrainingRecipe, { path, signal }: Options): Promise<Reader> {
  const { tokenizer, maxTokens: contextLength } = await openTokenizer(path(model));
  if (!tokenizer)
    throw new HumanError('memory and time cannot be estimated: the model has no tokenizer.', { place: path(model) });
  const broken: Reader['broken'] = new Map();
  const sizesIn = async (source: Source, most: number, longest?: boolean): Promise<RowSizes> => {
    const file = path(source.file);
    const found = await rowSizes(file, source, tokenizer, { maxTokens: most, contextLength, longest, signal });
    if (found.fault) throw found.fault;
    if (found.broken && !broken.has(file)) broken.set(file, { file, ...found.broken });
    return found;
  };
  const maxTokens = Math.min(batch.maxTokens, contextLength);
  return {
    tokenizer,
    maxTokens,
    learned: (source) => sizesIn(source, maxTokens, true),
    measured: (source) => sizesIn(source, contextLength),
    broken,
  };
}

/** How many rows are held out. */
const keptOf = ({ heldOut }: TrainingRecipe, { rows, questions = 1 }: RowSizes): number =>
  heldOutCount(rows, typeof heldOut === 'number' ? heldOut : heldOut.share, Math.round(questions * rows));

const trainedOf = (recipe: TrainingRecipe, all: RowSizes): RowSizes => ({
  ...all,
  rows: Math.max(1, all.rows - keptOf(recipe, all)),
});

type Rows = Omit<RowsOfRecipe, 'broken'>;

async function vectorRows(recipe: VectorRecipe, { learned }: Reader): Promise<Rows> {
  const { batch, benign, objective } = recipe;
  const harmful = await learned(recipe.harmful);
  const ordinary = benign && (await learned(benign));
  const held = ordinary && objective.benignWeight > 0 ? trainedOf(recipe, ordinary) : { sizes: [], rows: 0 };
  const rowsPerBatch = (): number => batch.rows ?? Math.max(1, Math.round(batch.tokens / meanSize(held.sizes).tokens));
  return {
    data: trainedOf(recipe, harmful),
    unseen: [harmful, ...(ordinary ? [ordinary] : [])].map((all) => keptOf(recipe, all)),
    held,
    anchored: [],
    heldPerBatch: held.rows > 0 ? rowsPerBatch() : 0,
    heldPerStep: 0,
    probes: [],
    sets: [],
  };
}

async function fineTuneRows(
  recipe: FinetuneRecipe,
  { tokenizer, maxTokens, learned, measured }: Reader,
  path: Options['path'],
): Promise<Rows> {
  const { baseline, heldOut } = recipe;
  const { mix, ...first } = recipe.data;
  const files = [await learned(first)];
  const most = rowsForShare(mix?.share, files[0].rows);
  if (mix && most > 0) files.push(await learned({ ...mix, limit: most < (mix.limit ?? Infinity) ? most : mix.limit }));
  const all = joined(files);
  const data = trainedOf(recipe, all);
  const own = await ownSizes(recipe, path, { tokenizer, maxTokens });
  const { anchor } = strategyOf(recipe, own.refused && own.ordinary.rows > 0);
  const ofVectors =
    anchor === false
      ? []
      : [own.held, ...(anchor.ordinary > 0 ? [own.ordinary] : []), ...(anchor.harmful > 0 ? [own.trained] : [])];
  const anchored = ofVectors.filter(({ rows }) => rows > 0);
  const held = [...anchored, ...(anchor !== false && anchor.benign > 0 ? [data] : [])];
  const alignedPerStep = baseline?.name === 'safegrad' ? (baseline.rows ?? BASELINES.safegrad.settings.rows) : 0;
  const { harmful, benign } = recipe.probes;
  const drawn = own.drawn.rows > 0 ? own.drawn : undefined;
  const probes = [harmful ? await measured(harmful) : drawn, benign && (await measured(benign))];
  const sets: RowsOfRecipe['sets'][number][] = [];
  /** Each prompt is asked once. */
  const ask = (measure: EvaluationSet['measure'], of: RowSizes): void => {
    const { rows, asking = 1, questions = 1 } = of;
    const prompts = Math.round(rows * questions);
    sets.push({ ...of, measure, rows: measure === 'loss' ? rows : Math.round(rows * asking), prompts });
  };
  for (const set of recipe.evaluate) ask(set.measure, await measured(set));
  const kept = keptOf(recipe, all);
  if (kept > 0) ask(typeof heldOut === 'object' ? heldOut.measure : 'loss', { ...all, rows: kept });
  return {
    data,
    unseen: [],
    held: held.length > 0 ? joined(held) : data,
    anchored,
    heldPerBatch: 0,
    heldPerStep: alignedPerStep + anchorRows(anchor),
    probes,
    sets,
  };
}
