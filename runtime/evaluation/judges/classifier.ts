/** Text classifiers (ONNX), run on the CPU. */
import { join } from 'node:path';
import { Cancelled, HumanError, nextTurn } from '../../support/errors.js';
import { shown } from '../../support/jsonFile.js';
import { loadTokenizer, type Tokenizer } from '../../models/text/tokenizer.js';
import { int64, type Feeds } from '../../device/session.js';
import { openApart, type ApartSession, type Limits } from './apart.js';
import { EXPORT, labelsOf, longest, modelFile, readConfig, tokenizerConfig } from './classifierFiles.js';

export interface Classification {
  /** The likeliest label; of a classifier whose labels do not exclude each other, every label above one half. */
  readonly labels: readonly string[];
  /** Only the beginning of the text was read. */
  readonly truncated: boolean;
}

/** Why a text has no label. */
export interface Unclassified {
  readonly fault: string;
}

export interface Classifier {
  readonly labels: readonly string[];
  /** Longest text in tokens, with the special ones; undefined where the model names no limit. */
  readonly maxTokens: number | undefined;
  /** The .onnx file. */
  readonly file: string;
  /**
   * In the order of the texts; undefined for a text without a single token. What the graph cannot do for a text is its
   * fault, not an error; a process that has ended is asked nothing more.
   * @throws Cancelled
   */
  classify(texts: readonly string[], signal?: AbortSignal): Promise<(Classification | Unclassified | undefined)[]>;
  dispose(): Promise<void>;
}

/** Tokens of a batch, padding included: bounds memory, whatever the rows' length is. */
const BATCH_TOKENS = 4096;
const BATCH_ROWS = 32;
/** The trial reads a text of the greatest length, if that is not longer than this. */
const TRIAL_TOKENS = 1024;
const INPUTS = ['input_ids', 'attention_mask', 'token_type_ids'];
/**
 * Opens a classifier on the CPU and tries it on a short and a long text.
 * @param place the recipe key that names it
 * @throws HumanError for a folder, tokenizer or graph that cannot be used, with the reason.
 */
export async function openClassifier(
  folder: string,
  { place, threads = 0, limits }: { place: string; threads?: number; limits?: Limits },
): Promise<Classifier> {
  const file = await modelFile(folder, place);
  const config = await readConfig(folder, place);
  const tokenizer = await loadTokenizer(folder);
  if (tokenizer.modelVocabSize !== undefined && tokenizer.ownVocabSize > tokenizer.modelVocabSize) {
    throw new HumanError(
      `the tokenizer has ${tokenizer.ownVocabSize} tokens, the classifier knows ${tokenizer.modelVocabSize}.`,
      { place: folder, remedy: 'Take tokenizer.json and config.json from the same model.' },
    );
  }
  let session: ApartSession;
  try {
    session = await openApart(file, threads, limits);
  } catch (error) {
    throw new HumanError(`onnxruntime cannot open this model: ${reason(error)}.`, {
      place: file,
      remedy: EXPORT,
      cause: error,
    });
  }
  try {
    checkGraph(session, file);
    const maxTokens = longest(config, await tokenizerConfig(folder));
    const run = runner(session, tokenizer, file);
    const encode = encoder(tokenizer, maxTokens);
    const count = await trial(run, encode('A').ids, maxTokens, { folder, file });
    const labels = labelsOf(config, count, join(folder, 'config.json'));
    const independent = config.problem_type === 'multi_label_classification' || count === 1;
    let over: string | undefined;
    /** Logits of each text, or why there are none. What fails for several is tried one by one. */
    const answered = async (ids: number[][], signal?: AbortSignal): Promise<(Float32Array | Unclassified)[]> => {
      if (over !== undefined) return ids.map(() => ({ fault: over! }));
      try {
        const logits = await run.logits(ids, signal);
        return logits.map((values) => (values.every(Number.isFinite) ? values : { fault: NO_NUMBERS }));
      } catch (error) {
        if (!(error instanceof HumanError)) throw error;
        if (session.ended) over = error.message;
        else if (ids.length > 1) return (await inTurn(ids, (one) => answered([one], signal))).flat();
        return ids.map(() => ({ fault: error.message }));
      }
    };
    return {
      labels,
      maxTokens,
      file,
      async classify(texts, signal) {
        const rows = texts.map(encode);
        const found = rows.map(({ fault }): Classification | Unclassified | undefined =>
          fault === undefined ? undefined : { fault },
        );
        for (const batch of batches(rows, run.pads)) {
          await nextTurn(signal);
          const logits = await answered(
            batch.map((i) => rows[i].ids),
            signal,
          );
          batch.forEach((i, j) => {
            const values = logits[j];
            found[i] =
              'fault' in values
                ? values
                : { labels: chosenOf(values, independent).map((k) => labels[k]), truncated: rows[i].truncated };
          });
        }
        return found;
      },
      dispose: async () => session.dispose(),
    };
  } catch (error) {
    session.dispose();
    throw error;
  }
}

function checkGraph(session: ApartSession, file: string): void {
  const wrong = (message: string): HumanError => new HumanError(message, { place: file, remedy: EXPORT });
  if (!session.inputs.includes('input_ids'))
    throw wrong(`the graph has no input "input_ids"; it has ${quoted(session.inputs)}.`);
  for (const name of session.inputs) {
    if (!INPUTS.includes(name)) throw wrong(`the graph needs an input ${shown(name)}, which is not supported.`);
    if (session.type(name) !== 'int64') throw wrong(`the input "${name}" is ${session.type(name)}, not int64.`);
  }
  if (!session.outputs.includes('logits'))
    throw wrong(`the graph has no output "logits"; it has ${quoted(session.outputs)}.`);
  if (session.type('logits') !== 'float32')
    throw wrong(`the output "logits" is ${session.type('logits')}, not float32.`);
}

interface Encoded {
  /** None where the text has none, or is at fault. */
  ids: number[];
  truncated: boolean;
  fault?: string;
}

/** Ids with the special tokens around them; a long text loses its end, not what stands behind it. */
function encoder(tokenizer: Tokenizer, maxTokens: number | undefined): (text: string) => Encoded {
  const prefix = tokenizer.prefixIds;
  const [plain, full] = [tokenizer.encode('a', { addSpecialTokens: false }), tokenizer.encode('a')];
  const suffix = full.slice(prefix.length + plain.length);
  const known = tokenizer.modelVocabSize ?? Infinity;
  return (text) => {
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    if (ids.length === 0) return { ids, truncated: false };
    const foreign = ids.find((id) => id >= known);
    if (foreign !== undefined) return { ids: [], truncated: false, fault: unknownToken(tokenizer.decode([foreign])) };
    const room = maxTokens === undefined ? Infinity : Math.max(1, maxTokens - prefix.length - suffix.length);
    return { ids: [...prefix, ...ids.slice(0, room), ...suffix], truncated: ids.length > room };
  };
}

const unknownToken = (token: string): string => `the classifier does not know the token ${shown(token)} of the text.`;

/** Rows of like lengths together; without padding, rows of the same length. Empty rows are in no batch. */
function batches(rows: readonly Encoded[], pads: boolean): number[][] {
  const length = (i: number): number => rows[i].ids.length;
  const order = [...rows.keys()].filter((i) => length(i) > 0).sort((a, b) => length(a) - length(b) || a - b);
  const found: number[][] = [];
  for (const i of order) {
    const last = found.at(-1);
    const fits =
      last !== undefined &&
      last.length < BATCH_ROWS &&
      (last.length + 1) * length(i) <= BATCH_TOKENS &&
      (pads || length(last[0]) === length(i));
    if (fits) last.push(i);
    else found.push([i]);
  }
  return found;
}

interface Runner {
  /** Rows of different lengths can be run together. */
  readonly pads: boolean;
  /** Logits of each row. */
  logits(rows: readonly (readonly number[])[], signal?: AbortSignal): Promise<Float32Array[]>;
}

function runner(session: ApartSession, { padId }: Tokenizer, file: string): Runner {
  const wrong = (message: string, cause?: unknown): HumanError =>
    new HumanError(message, { place: file, remedy: EXPORT, cause });
  return {
    pads: padId !== undefined && session.inputs.includes('attention_mask'),
    async logits(rows, signal) {
      const width = Math.max(...rows.map((ids) => ids.length));
      const dims = [rows.length, width];
      const padded = (fill: (ids: readonly number[], at: number) => number): number[] =>
        rows.flatMap((ids) => Array.from({ length: width }, (_, at) => fill(ids, at)));
      const feeds: Feeds = {
        input_ids: int64(
          padded((ids, at) => ids[at] ?? padId ?? 0),
          dims,
        ),
        attention_mask: int64(
          padded((ids, at) => (at < ids.length ? 1 : 0)),
          dims,
        ),
        token_type_ids: int64(
          padded(() => 0),
          dims,
        ),
      };
      let logits;
      try {
        const given = session.inputs.map((name) => [name, feeds[name]] as const);
        logits = await session.run(Object.fromEntries(given), signal);
      } catch (error) {
        if (error instanceof Cancelled) throw error;
        throw wrong(`the graph does not run on ${rows.length} texts of ${width} tokens: ${reason(error)}.`, error);
      }
      const count = logits.dims[1];
      if (logits.dims.length !== 2 || logits.dims[0] !== rows.length || count === undefined || count === 0)
        throw wrong(
          `the output "logits" is [${logits.dims.join(', ')}] for ${rows.length} texts, not [texts, labels].`,
        );
      const values = logits.data as Float32Array;
      return rows.map((_, i) => values.slice(i * count, (i + 1) * count));
    },
  };
}

async function inTurn<A, B>(all: readonly A[], work: (one: A) => Promise<B>): Promise<B[]> {
  const done: B[] = [];
  for (const one of all) done.push(await work(one));
  return done;
}

const NO_NUMBERS = 'the classifier gives logits that are not numbers.';

/**
 * Number of logits. Finds what would else be open after hours: fixed shapes, too few positions, too small a vocabulary.
 */
async function trial(
  { logits, pads }: Runner,
  short: number[],
  maxTokens = Infinity,
  { folder, file }: { folder: string; file: string },
): Promise<number> {
  if (short.length === 0)
    throw new HumanError('the tokenizer finds no token in "A".', { place: folder, remedy: 'Check tokenizer.json.' });
  const length = Math.max(short.length, maxTokens <= TRIAL_TOKENS ? maxTokens : 16);
  const long = [...short, ...new Array<number>(length - short.length).fill(short.at(-1)!)];
  const values = await logits([long, pads ? short : long]);
  if (values.some((row) => !row.every(Number.isFinite)))
    throw new HumanError(NO_NUMBERS, { place: file, remedy: EXPORT });
  return values[0].length;
}

/** Indices of labels: the largest logit, or every one above 0 (a probability of one half). */
function chosenOf(logits: Float32Array, independent: boolean): number[] {
  const indices = [...logits.keys()];
  if (independent) return indices.filter((i) => logits[i] > 0);
  return [indices.reduce((best, i) => (logits[i] > logits[best] ? i : best))];
}

/** Names for people. */
export const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');

const reason = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0].replace(/[.\s]+$/, '');
