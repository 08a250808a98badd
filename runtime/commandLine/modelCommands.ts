/** Commands on a model and its adapters. */
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { calls } from '../calls/calls.js';
import { EXIT } from '../contract/errors.js';
import { estimateDetails, estimateText, hasRoom, type BrokenRows } from '../contract/estimate.js';
import { EXPORT_FORMATS, type ExportFormat } from '../contract/exports.js';
import { numbersIn, plural } from '../contract/format.js';
import { parseJsonc } from '../contract/jsonc.js';
import { isObject } from '../contract/isObject.js';
import { COLUMN_FIELDS } from '../contract/mapping.js';
import { RECIPE_KEYS, saysKind } from '../contract/recipeFacts.js';
import { MAX_BYTES } from '../recipes/reading/readRecipe.js';
import { HumanError } from '../support/errors.js';
import {
  adapterPath,
  chosen,
  readAs,
  computing,
  type Given,
  number,
  oneOf,
  only,
  reference,
  required,
  whole,
  wrong,
} from './given.js';

export async function generate({ values, out, reporter }: Given): Promise<number> {
  const options = {
    maxNewTokens: whole(values, 'max-new-tokens', 65_536) ?? 64,
    temperature: number(values, 'temperature', 0, 100),
    topP: number(values, 'top-p', 1, 1),
    seed: number(values, 'seed', 0, Number.MAX_SAFE_INTEGER),
  };
  if (!Number.isInteger(options.seed ?? 0)) throw wrong('--seed must be a whole number.');
  if ((values.prompt === undefined) === (values.ids === undefined))
    throw wrong('generate needs either --prompt or --ids.');
  const ids = values.ids?.split(',').map((id) => (/^\s*\d+\s*$/.test(id) ? Number(id) : NaN));
  if (ids?.some(Number.isNaN)) throw wrong(`--ids is "${values.ids}"; comma-separated numbers were expected.`);
  const prompt =
    values.raw === true
      ? { prompt: values.prompt }
      : { messages: [{ role: 'user' as const, content: values.prompt! }] };
  const {
    text,
    ids: answer,
    stopped,
  } = await calls.generate(
    { ...reference(values), ...(ids ? { ids } : prompt), options, ...computing(values) },
    reporter,
  );
  out.line({ text, ids: answer, stopped });
  // Without a tokenizer there is no text.
  out.print(text === '' && ids ? answer.join() : text);
  if (!stopped) out.warn(`the answer ends ${cutBy(answer.length, options.maxNewTokens)}.`);
  return EXIT.done;
}

const cutBy = (tokens: number, limit: number): string =>
  tokens < limit ? `after ${tokens} tokens: the context is full` : `at the limit of ${limit} tokens (--max-new-tokens)`;

export async function inspect(given: Given): Promise<number> {
  const { out, reporter } = given;
  const path = only('a model, a data file or a recipe', given);
  if (await isRecipe(path)) return inspectRecipe(path, given);
  const isData = /\.(((jsonl|ndjson|json|csv|tsv)(\.gz)?)|parquet)$/i.test(path) && statSync(path).isFile();
  if (!isData && !path.toLowerCase().endsWith('.gguf') && statSync(path).isFile())
    throw new HumanError('this is neither a model nor a data file.', {
      place: path,
      remedy:
        'A model is a Hugging Face folder or a .gguf file; data files end in .jsonl, .json, .csv, .tsv or .parquet.',
    });
  const { path: _, ...info } = await (isData
    ? calls.inspectData({ path, ...readAs(given.values) }, reporter)
    : calls.inspect({ path }, reporter));
  out.result(info);
  return EXIT.done;
}

/** Fields of rows that are no keys of recipes, where "output" is one. */
const ROW_FIELDS = COLUMN_FIELDS.filter((field) => field !== 'output');

/** A JSON file may hold rows, too: it is a recipe by its kind, or, where that is wrong, by its place and keys. */
async function isRecipe(path: string): Promise<boolean> {
  if (!path.endsWith('.json') || !statSync(path).isFile() || statSync(path).size > MAX_BYTES) return false;
  const text = await readFile(path, 'utf8');
  if (saysKind(text)) return true;
  const { value, fault } = parseJsonc(text);
  const given = isObject(value) ? value : {};
  const keys = RECIPE_KEYS.filter((key) => Object.hasOwn(given, key)).length;
  const isPlace = basename(dirname(path)) === 'recipes' || path.endsWith('.recipe.json');
  if (isPlace) return keys > 0 || (fault !== undefined && !Array.isArray(value));
  // Rows have texts, such as an "output" and a "model"; of several values in a file each is a row.
  const isRow = ROW_FIELDS.some((field) => Object.hasOwn(given, field));
  const isMeant = (Object.hasOwn(given, 'kind') && !isRow) || isObject(given.data) || isObject(given.harmful);
  return keys > 1 && isMeant && fault?.code !== 'EndOfFileExpected';
}

async function inspectRecipe(recipe: string, { values, out, reporter }: Given): Promise<number> {
  const estimate = await calls.estimate({ recipe, device: chosen(values) }, reporter);
  if (!estimate) throw wrong('no estimate: this recipe trains nothing, or trains on a cluster.');
  out.line(estimate);
  out.print([estimateText(estimate), ...estimateDetails(estimate).map((line) => `  ${line}`)].join('\n'));
  for (const broken of estimate.broken ?? []) out.warn(brokenText(broken));
  return estimate.fits && hasRoom(estimate) ? EXIT.done : EXIT.badInput;
}

function brokenText({ file, line, rows, read, reason }: BrokenRows): string {
  const { count } = numbersIn();
  const which = read === undefined ? plural(rows, 'row', 'rows') : `of the first ${count(read)} rows`;
  return `${file}:${line}: ${reason}. ${count(rows)} ${which} of the file cannot be used.`;
}

export async function exportModel({ values, out, reporter }: Given): Promise<number> {
  const format = oneOf<ExportFormat>(required(values, 'format'), 'format', EXPORT_FORMATS);
  const quantization =
    values.quantization === undefined
      ? undefined
      : oneOf(values.quantization, 'quantization', ['F16', 'Q8_0', 'F32'] as const);
  const what = values.lora === true ? ('adapter' as const) : ('model' as const);
  const target = resolve(required(values, 'out'));
  const result = await calls.export({ ...reference(values), format, out: target, quantization, what }, reporter);
  for (const note of result.notes ?? []) out.warn(note);
  out.result(result);
  return EXIT.done;
}

export async function combine({ values, out, reporter }: Given): Promise<number> {
  const adapter = (name: 'off' | 'onto'): string | undefined => {
    const value = values[name];
    return value === undefined ? undefined : adapterPath(value);
  };
  const rank = whole(values, 'rank', 4096);
  if (values.adapter === undefined) throw wrong('--adapter is missing.');
  const target = resolve(required(values, 'out'));
  const params = { ...reference(values), out: target, off: adapter('off'), onto: adapter('onto'), rank };
  const result = await calls.combine(params, reporter);
  out.note(
    result.error === undefined
      ? `exact, of rank ${result.rank}`
      : `of rank ${result.rank} instead of ${result.exactRank}: ${numbersIn().percent(result.error)} of the update is lost`,
  );
  out.result(result);
  return EXIT.done;
}
