/** What lies in the folder of a text classifier, as transformers and optimum write it. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HumanError } from '../../support/errors.js';
import { isObject } from '../../contract/isObject.js';
import { readOptionalJson, type JsonObject } from '../../support/jsonFile.js';

const FILES = ['model.onnx', join('onnx', 'model.onnx')];
/** tokenizer_config.json writes an astronomic number where there is no limit. */
const NO_LIMIT = 1e6;
/** Their positions begin behind the padding token's id, so that many fewer are left for the text. */
const POSITIONS_AFTER_PADDING: ReadonlySet<unknown> = new Set(
  'camembert data2vec-text ibert longformer mpnet roberta roberta-prelayernorm xlm-roberta xlm-roberta-xl xmod'.split(
    ' ',
  ),
);
/** The remedy for a graph that cannot be used. */
export const EXPORT =
  'Export it for the task text-classification with dynamic batch and sequence axes: optimum-cli export onnx --task text-classification --model NAME FOLDER.';

/** The .onnx file of a classifier. `place`: the recipe key that names the folder. */
export async function modelFile(folder: string, place: string): Promise<string> {
  const isThere = async (path: string, kind: 'isFile' | 'isDirectory'): Promise<boolean> =>
    stat(path).then(
      (found) => found[kind](),
      () => false,
    );
  if (!(await isThere(folder, 'isDirectory'))) {
    throw new HumanError(`there is no folder ${folder}.`, {
      place,
      remedy: 'Name the folder of a classifier, relative to the recipe.',
    });
  }
  for (const name of FILES) if (await isThere(join(folder, name), 'isFile')) return join(folder, name);
  throw new HumanError(`${folder} has neither model.onnx nor onnx/model.onnx.`, { place, remedy: EXPORT });
}

/** config.json, which names the labels. */
export async function readConfig(folder: string, place: string): Promise<JsonObject> {
  const config = await readOptionalJson(join(folder, 'config.json'));
  if (config) return config;
  throw new HumanError(`${folder} has no config.json, which names the labels.`, {
    place,
    remedy: 'Copy config.json of the classifier into the folder.',
  });
}

/** tokenizer_config.json, or nothing. */
export async function tokenizerConfig(folder: string): Promise<JsonObject> {
  return (await readOptionalJson(join(folder, 'tokenizer_config.json'))) ?? {};
}

/** The model's greatest length, and the tokenizer's if that is less. */
export function longest(config: JsonObject, tokenizer: JsonObject): number | undefined {
  const positions = [config.max_position_embeddings, config.n_positions].find(isCount);
  const padding = isCount(config.pad_token_id) ? config.pad_token_id : 1;
  const before = POSITIONS_AFTER_PADDING.has(config.model_type) ? padding + 1 : 0;
  const limits = [
    ...(positions === undefined ? [] : [positions - before]),
    ...(isCount(tokenizer.model_max_length) && tokenizer.model_max_length < NO_LIMIT
      ? [tokenizer.model_max_length]
      : []),
  ];
  return limits.length === 0 ? undefined : Math.min(...limits);
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Labels by their index. A config without names means LABEL_0, LABEL_1, …, as in transformers. */
export function labelsOf(config: JsonObject, count: number, place: string): string[] {
  const wrong = (message: string): HumanError =>
    new HumanError(message, { place, remedy: 'Take config.json and the .onnx file from the same classifier.' });
  if (config.problem_type === 'regression')
    throw wrong('this model gives a score ("problem_type": "regression"), not labels.');
  if (config.id2label === undefined || config.id2label === null)
    return Array.from({ length: count }, (_, i) => `LABEL_${i}`);
  const names = isObject(config.id2label) ? config.id2label : {};
  if (Object.keys(names).length !== count)
    throw wrong(`"id2label" names ${Object.keys(names).length} labels, the graph gives ${count} logits.`);
  return Array.from({ length: count }, (_, i) => {
    const name = names[i];
    if (typeof name !== 'string') throw wrong(`"id2label" has no name for label ${i}.`);
    return name;
  });
}
