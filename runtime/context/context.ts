import { basename, join } from 'node:path';
import type { ExampleList } from '../data/exampleList.js';
import { loadExamples, type Examples, type LoadOptions } from '../data/examples.js';
import type { SkippedRow } from '../data/parsedRows.js';
import { readReview, type Review } from '../data/readReview.js';
import { openScratch, type Scratch } from '../data/scratch.js';
import { HumanError } from '../support/errors.js';
import { absentTokenizer } from '../models/text/absentTokenizer.js';
import { linearLayers, parameters, weightsCount, type DecoderSpec, type LinearSpec } from '../models/decoder/spec.js';
import { unusedWeights } from '../models/decoder/weights.js';
import { hashesOf, type ModelHashes } from '../models/weights/hashes.js';
import { watchWeights } from '../models/weights/intact.js';
import { userCache } from '../models/cache/userCache.js';
import { openFrozen } from '../models/openFrozen.js';
import { copyAsFloat32 } from '../models/packed/float32Copy.js';
import type { ModelFolder } from '../models/weights/modelFolder.js';
import { PLAIN_TURNS } from '../models/text/chatTemplate.js';
import { loadTokenizer, type Tokenizer } from '../models/text/tokenizer.js';
import { plural } from '../contract/format.js';
import type { DataSource } from '../contract/recipeData.js';
import type { DeviceChoice, Precision } from '../contract/recipeWords.js';
import { openBackend } from '../device/openBackend.js';
import type { Backend } from '../device/session.js';
import { stepWork } from '../device/trial.js';

/** A model on a device, with what is needed to train it and to talk to it. */
export interface Context {
  readonly backend: Backend;
  readonly model: ModelFolder;
  readonly spec: DecoderSpec;
  readonly tokenizer: Tokenizer;
  /** Linear layers that adapters can sit on, in order. */
  readonly sites: readonly LinearSpec[];
  /** The hashes that name the model as it was opened; its weights are read for the first that is asked for. */
  readonly hashes: () => Promise<ModelHashes>;
  /** Where the rows of large files are kept; to be closed when the work is done. */
  readonly scratch: Scratch;
  /** Throws when the model's files are not what they were when it was opened. */
  readonly intact: () => Promise<void>;
}

export interface ContextOptions {
  readonly device?: DeviceChoice;
  readonly threads?: number;
  /** How the frozen weights are held. Default: float32, as they are. */
  readonly precision?: Precision;
  /** Folder for the rows of large files. */
  readonly scratch: string;
  readonly onMessage?: (text: string) => void;
  /** Ends the copying of weights that takes a while. */
  readonly signal?: AbortSignal;
}

/** Where the rows of large files are kept: beside what the run reads and writes. */
export const scratchFolder = (beside: string): string => join(beside, '.security-vectors', 'cache');

/**
 * Opens a model: unsupported architectures are rejected before a weight is read.
 * @throws Cancelled, and HumanError naming what is missing or not supported
 */
export async function openContext(path: string, options: ContextOptions): Promise<Context> {
  const { precision = 'float32', device = 'auto', threads = 0 } = options;
  const where = { cache: userCache(), onMessage: options.onMessage, signal: options.signal };
  const { model: stored, spec } = await openFrozen(path, { ...where, precision });
  const tokenizer = stored.hasTokenizer ? await loadTokenizer(stored.folder) : absentTokenizer(stored, spec.vocabSize);
  if (tokenizer.ownVocabSize > spec.vocabSize) {
    throw new HumanError(`the tokenizer has ${tokenizer.ownVocabSize} tokens, the model only ${spec.vocabSize}.`, {
      place: stored.path,
      remedy: "Use the model's own tokenizer.",
    });
  }
  // rows with added tokens beyond are refused
  tokenizer.modelVocabSize ??= spec.vocabSize;
  const backend = await openBackend(device, threads, stepWork(weightsCount(spec), spec.layers.length));
  const model = backend.device === 'cpu' ? await copyAsFloat32(stored, spec, where) : stored;
  const sites = linearLayers(spec);
  let hashes: Promise<ModelHashes> | undefined;
  return {
    backend,
    model,
    spec,
    tokenizer,
    sites,
    hashes: () => (hashes ??= hashesOf(model)),
    scratch: openScratch(options.scratch),
    intact: await watchWeights(model),
  };
}

interface Warning {
  message: string;
  place: string;
  remedy: string;
}

/** What to say of a model with weights that its config does not use; undefined where all are used. */
export function unusedWarning({ model, spec }: Pick<Context, 'model' | 'spec'>): Warning | undefined {
  const unused = unusedWeights(model, parameters(spec));
  if (unused.length === 0) return undefined;
  return {
    message: `${unused.length === 1 ? '1 weight of the model is' : `${unused.length} weights of the model are`} not used: by its config.json it has no ${unused[0]}.`,
    place: join(model.path, 'config.json'),
    remedy:
      'If the file was changed, put the original back: without them it is another model than that of its publisher.',
  };
}

/** What to say of a model whose conversations are written by a plain template; undefined where it has its own. */
export function templateWarning({ tokenizer, model }: Pick<Context, 'tokenizer' | 'model'>): Warning | undefined {
  if (!tokenizer.chatTemplate?.plain) return undefined;
  const own = model.gguf
    ? 'take another GGUF file that has it, or the Hugging Face folder'
    : 'put its own chat_template into tokenizer_config.json';
  return {
    message: `the model has no chat template; conversations use a plain one (${PLAIN_TURNS}).`,
    place: model.path,
    remedy: `If it was trained with one, ${own}.`,
  };
}

export interface LoadedData {
  readonly path: string;
  readonly examples: ExampleList;
  readonly format: Examples['format'];
  readonly sha256: string;
  /** Rows that cannot be used. */
  readonly skipped: number;
  /**
   * What a review left out of it, and rows that are fine whatever they look like; undefined where none was asked for.
   */
  readonly review?: Pick<Review, 'path' | 'sha256'> & Omit<Examples['reviewed'], 'known'>;
}

/** How a data source of a recipe is read. @param key of the source, for errors */
export const sourceOptions = (
  { format, columns, limit, exclude }: Pick<DataSource, 'format' | 'columns' | 'limit' | 'exclude'>,
  key: string,
): Pick<LoadOptions, 'format' | 'columns' | 'columnsKey' | 'limit'> & Pick<DataSource, 'exclude'> => ({
  format,
  columns,
  columnsKey: `${key}.columns`,
  limit,
  exclude,
});

/** Receives what is reported while data are loaded, and stops it. */
export interface LoadReporter {
  readonly warn: (message: string, place: string, remedy: string) => void;
  /** Share of the file that is read. */
  readonly progress?: (message: string, share: number) => void;
  readonly signal?: AbortSignal;
}

function remedyFor(skipped: readonly SkippedRow[], contextLength: number): string {
  if (skipped.some(({ tokens = Infinity }) => tokens <= contextLength))
    return `Raise "batch.maxTokens" (up to ${contextLength}), or shorten these rows.`;
  return skipped.every(({ tooLong }) => tooLong) ? 'Shorten these rows.' : 'Fix or remove these rows.';
}

/** Loads a data file for training or evaluation and reports the rows that cannot be used. A broken row stops it. */
export async function loadData(
  { tokenizer, spec, scratch }: Pick<Context, 'tokenizer' | 'spec' | 'scratch'>,
  file: string,
  options: Pick<
    LoadOptions,
    'format' | 'columns' | 'columnsKey' | 'limit' | 'maxTokens' | 'answers' | 'hashed' | 'readExcluded' | 'onExample'
  > &
    Pick<DataSource, 'exclude'>,
  { warn, progress: say, signal }: LoadReporter,
): Promise<LoadedData> {
  let percent = 0;
  const { exclude, ...reading } = options;
  const review = exclude === 'reviewed' ? await readReview(file) : undefined;
  const { examples, format, skipped, skippedRows, remarks, sha256, reviewed } = await loadExamples(file, tokenizer, {
    ...reading,
    decisions: review?.decisions,
    maxTokens: Math.min(options.maxTokens ?? spec.contextLength, spec.contextLength),
    contextLength: spec.contextLength,
    strict: true,
    scratch,
    signal,
    onProgress(bytes, total) {
      const now = Math.floor((100 * bytes) / total);
      if (now > percent && now < 100) say?.(`reading ${basename(file)}`, bytes / total);
      percent = now;
    },
  });
  if (skippedRows > 0) {
    const lines = skipped.slice(0, 5).map((r) => `line ${r.line}: ${r.reason}`);
    warn(
      `${skippedRows} of ${skippedRows + examples.length} rows ${plural(skippedRows, 'is', 'are')} skipped (${lines.join('; ')}${skippedRows > 5 ? '; …' : ''}).`,
      `${file}:${skipped[0].line}`,
      remedyFor(skipped, spec.contextLength),
    );
  }
  for (const { message, line, remedy } of remarks) warn(message, `${file}:${line}`, remedy);
  const { known, ...marked } = reviewed;
  if (
    review &&
    !reading.readExcluded &&
    known === 0 &&
    [...review.decisions.values()].some((decision) => decision !== 'unsure')
  )
    warn(
      'the review knows none of the rows: none is left out, and none is fine.',
      review.path,
      'Rows that were changed are to be reviewed again. If these are other rows on purpose, delete the review.',
    );
  return {
    path: file,
    examples,
    format,
    sha256,
    skipped: skippedRows,
    ...(review && { review: { path: review.path, sha256: review.sha256, ...marked } }),
  };
}
