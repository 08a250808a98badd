import { basename, dirname, isAbsolute, resolve } from 'node:path';
import { MEASURES, type MeasureKind, type Recipe } from '../../runtime/contract/protocol.js';
import { parseJson, readText, unreadable } from '../host/checkedFile.js';
import type { HostError } from '../host/errors.js';
import { t } from '../host/text.js';

/**
 * What the host needs to know of a recipe, with absolute paths. The engine checks recipes with the schema; the host
 * reads leniently, so that a recipe that is being typed still has its lenses.
 */
export interface RecipeFacts {
  /** The recipe file. */
  file: string;
  kind: Recipe['kind'];
  model: string;
  /** Run folder. */
  output: string;
  /** Data files: `data`, or `harmful` and `benign`. */
  data: string[];
  /** finetune: security vectors that are active while training. */
  vectors: string[];
  evaluate: EvaluationFacts[];
  /** evaluate: adapters judged. */
  adapters: string[];
  /** How answers are generated, and how many at once, as it is written. */
  generation?: unknown;
  batch?: unknown;
  /** Who judges, as it is written, but for absolute paths. */
  judges?: readonly unknown[];
  /** vector: stop.harmfulLoss. */
  goalHarmfulLoss?: number;
  /** As it is written, for comparisons with other runs. */
  raw: Record<string, unknown>;
}

export interface EvaluationFacts {
  name: string;
  file: string;
  measure: MeasureKind;
  /** The set as it is written, for recipes made from this one. */
  raw: Record<string, unknown>;
}

const KINDS: readonly Recipe['kind'][] = ['vector', 'finetune', 'evaluate'];

/**
 * Reads a recipe's text; undefined when it is none (other JSON, or not enough of a recipe yet).
 * @param folder what its paths are relative to; undefined in a run folder that does not say where its recipe was.
 */
export function recipeFacts(text: string, file: string, folder?: string): RecipeFacts | undefined {
  return factsOf(parseJson(text).value, file, folder);
}

function factsOf(json: unknown, file: string, folder?: string): RecipeFacts | undefined {
  if (!isRecord(json)) return undefined;
  const kind = KINDS.find((k) => k === json['kind']);
  const model = string(json['model']);
  const output = string(json['output']);
  if (!kind || !model || !output) return undefined;
  const base = folder ?? dirname(file);
  const at = (path: string): string => (isAbsolute(path) ? path : resolve(base, path));
  const source = (value: unknown): string[] => {
    const path = isRecord(value) ? string(value['file']) : undefined;
    return path ? [at(path)] : [];
  };
  const adapters = (value: unknown): string[] =>
    records(value).flatMap((a) => (string(a['adapter']) ? [at(string(a['adapter'])!)] : []));
  const goal = isRecord(json['stop']) ? json['stop']['harmfulLoss'] : undefined;
  return {
    file,
    kind,
    model: at(model),
    output: at(output),
    data: kind === 'vector' ? [...source(json['harmful']), ...source(json['benign'])] : source(json['data']),
    vectors: kind === 'finetune' ? adapters(json['vectors']) : [],
    evaluate: records(json['evaluate']).flatMap((set) => {
      const path = string(set['file']);
      const measure = MEASURES.find((m) => m === set['measure']);
      return path && measure
        ? [{ name: string(set['name']) ?? basename(path), file: at(path), measure, raw: set }]
        : [];
    }),
    adapters: [
      ...adapters(json['adapters']),
      ...records(json['states']).flatMap((state) => adapters(state['adapters'])),
    ],
    generation: json['generation'],
    batch: json['batch'],
    judges: judges(json['judges'], at),
    goalHarmfulLoss: typeof goal === 'number' ? goal : undefined,
    raw: json,
  };
}

/**
 * The folder that paths of a run folder's recipe are relative to, when only its own output tells: output
 * `../vectors/a` of `/w/vectors/a` is relative to a folder in `/w`, and so is `../train.jsonl`, whatever its name is.
 */
export function guessedBase(text: string, runFolder: string): string | undefined {
  const json = parseJson(text).value;
  const output = isRecord(json) ? string(json['output']) : undefined;
  if (!output || isAbsolute(output)) return undefined;
  const parts = output.split(/[\\/]+/).filter((part) => part && part !== '.');
  const up = parts.filter((part) => part === '..').length;
  const down = parts.length - up;
  return resolve(runFolder, ...Array.from({ length: down }, () => '..'), ...Array.from({ length: up }, () => '_'));
}

/** Reads a recipe that is to run. Throws with the line of the first fault. */
export function requireRecipe(text: string, file: string): RecipeFacts {
  const { value, fault } = parseJson(text);
  if (fault) throw unreadable(`${file}:${fault.line}`, fault.message, t('Correct the line and run again.'));
  const facts = factsOf(value, file);
  if (!facts) throw noRecipe(file);
  return facts;
}

/** How a file is measured: where any recipe measures harm on it, it is a set of harmful prompts, and only that. */
export function setFor(file: string, recipes: readonly RecipeFacts[]): EvaluationFacts | undefined {
  const sets = recipes.flatMap(({ evaluate }) => evaluate.filter((set) => set.file === file));
  return sets.find(({ measure }) => measure === 'harm') ?? sets[0];
}

/** Reads the file of a recipe that is to run. */
export async function openRecipe(file: string): Promise<RecipeFacts> {
  const text = await readText(file);
  if (text === undefined) throw unreadable(file, t('there is no such file.'), t('Choose another recipe.'));
  return requireRecipe(text, file);
}

const noRecipe = (file: string): HostError =>
  unreadable(
    file,
    t('this is no recipe: it needs "kind" (vector, finetune or evaluate), "model" and "output".'),
    t('Add the missing keys; the editor completes them.'),
  );

/** What a file is as a recipe, and what is wrong with it if it is meant to be one: other people's JSON may be anything. */
export function readRecipe(text: string, file: string): { facts?: RecipeFacts; problem?: HostError } {
  const { value, fault } = parseJson(text);
  const facts = factsOf(value, file);
  const meant = isRecipesFolder(file) || /"kind"\s*:\s*"(?:vector|finetune|evaluate)"/.test(text);
  if (!meant && !fault?.deep) return { facts };
  if (fault) return { facts, problem: unreadable(`${file}:${fault.line}`, fault.message) };
  return facts ? { facts } : { problem: noRecipe(file) };
}

/** JSON in a folder of this name is meant to be a recipe. */
export const isRecipesFolder = (file: string): boolean => basename(dirname(file)) === 'recipes';

/** A fine-tuning that nothing protects. */
export const isPlain = (facts: Pick<RecipeFacts, 'kind' | 'vectors'>): boolean =>
  facts.kind === 'finetune' && facts.vectors.length === 0;

const judges = (value: unknown, at: (path: string) => string): readonly unknown[] | undefined =>
  Array.isArray(value)
    ? value.map((judge: unknown) =>
        isRecord(judge) && string(judge['classifier'])
          ? { ...judge, classifier: at(string(judge['classifier'])!) }
          : judge,
      )
    : undefined;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const records = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value.filter(isRecord) : []);
const string = (value: unknown): string | undefined => (typeof value === 'string' && value ? value : undefined);
