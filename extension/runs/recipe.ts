import { basename, dirname, isAbsolute, resolve } from 'node:path';
import { parse, printParseErrorCode, type ParseError } from 'jsonc-parser';
import type { MeasureKind, Recipe } from '../../runtime/protocol.js';
import { inputError } from '../errors.js';

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
  evaluate: { name: string; file: string; measure: MeasureKind }[];
  /** evaluate: adapters judged. */
  adapters: string[];
  /** vector: stop.harmfulLoss. */
  goalHarmfulLoss?: number;
}

const KINDS: readonly Recipe['kind'][] = ['vector', 'finetune', 'evaluate'];

/** Reads a recipe's text; undefined when it is none (other JSON, or not enough of a recipe yet). */
export function recipeFacts(text: string, file: string): RecipeFacts | undefined {
  const json: unknown = parse(text, [], { allowTrailingComma: true });
  if (!isRecord(json)) return undefined;
  const kind = KINDS.find((k) => k === json['kind']);
  const model = string(json['model']);
  const output = string(json['output']);
  if (!kind || !model || !output) return undefined;
  const at = (path: string): string => (isAbsolute(path) ? path : resolve(dirname(file), path));
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
      return path
        ? [{ name: string(set['name']) ?? basename(path), file: at(path), measure: set['measure'] as MeasureKind }]
        : [];
    }),
    adapters: [
      ...adapters(json['adapters']),
      ...records(json['states']).flatMap((state) => adapters(state['adapters'])),
    ],
    goalHarmfulLoss: typeof goal === 'number' ? goal : undefined,
  };
}

/** The same, for a recipe that is to run. Throws with the line of the first fault. */
export function requireRecipe(text: string, file: string): RecipeFacts {
  const errors: ParseError[] = [];
  parse(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first) {
    const line = text.slice(0, first.offset).split('\n').length;
    throw inputError(`this is not JSON: ${printParseErrorCode(first.error)}.`, {
      place: `${file}:${line}`,
      remedy: 'Correct the line and run again.',
    });
  }
  const facts = recipeFacts(text, file);
  if (!facts) {
    throw inputError('this is no recipe: it needs "kind" (vector, finetune or evaluate), "model" and "output".', {
      place: file,
      remedy: 'Add the missing keys; the editor completes them.',
    });
  }
  return facts;
}

/** A fine-tuning that nothing protects. */
export const isPlain = (facts: Pick<RecipeFacts, 'kind' | 'vectors'>): boolean =>
  facts.kind === 'finetune' && facts.vectors.length === 0;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const records = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value.filter(isRecord) : []);
const string = (value: unknown): string | undefined => (typeof value === 'string' && value ? value : undefined);
