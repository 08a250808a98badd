/** Command-line entry: the engine's calls, for people and, with --json, for programs. */
import { statSync } from 'node:fs';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { resolve } from 'node:path';
import { calls, type Reporter } from './calls/calls.js';
import { reportEnd } from './calls/ending.js';
import { Cancelled, errorData, errorText, HumanError } from './support/errors.js';
import { LESS_MEMORY, memoryLimit, watchMemory } from './support/memory.js';
import {
  EXIT,
  EXPORT_FORMATS,
  SCAN_LIMIT,
  type ExportFormat,
  type ModelReference,
  type ScanLimit,
  type ScanRow,
} from './contract/protocol.js';
import { cleaningOf } from './contract/cleaning.js';
import { COLUMN_FIELDS, parseColumns, type Columns } from './contract/mapping.js';
import { checkCleaned } from './data/cleaned.js';
import { readReview } from './data/readReview.js';
import { scanText } from './contract/scanText.js';
import { runSample } from './sample/story.js';
import { terminal, type Terminal } from './support/terminal.js';

const USAGE = `security-vectors — fine-tune on data you cannot fully trust

  train RECIPE [--out DIR] [--resume|--force]  run a vector or finetune recipe
  evaluate RECIPE [--out DIR] [--force]        run an evaluate recipe
      --resume continues from the checkpoint; --force replaces a finished result once the new one is done
  scan --model DIR --vector DIR --data FILE [--columns MAP] [--false-alarms 0.01 | --false-discoveries Q | --threshold SHARE] [--ordinary FILE] [--clean OUT [--reviewed] [--force]]
      find rows that look like what the vector was trained on. --false-alarms: share of ordinary rows that may be flagged;
      --false-discoveries: share of the flagged rows that may be ordinary; --threshold: share of a row's loss that the vector
      explains. Rows are compared with those that the vector held out, and with further ordinary rows (--ordinary).
      --columns prompt=question,completion=answer: which columns of the file are which fields of its rows.
      --clean writes the file without what was found: flagged rows cut or left out; --force replaces such a file. --reviewed puts
      the decisions of FILE.review.json first: rows that it excludes are left out, and rows that it calls fine stay.
  score --model DIR [--adapter DIR[@SCALE]]... --data FILE [--columns MAP]       loss of each row
  generate --model DIR [--adapter DIR[@SCALE]]... (--prompt TEXT | --ids 1,2,3) [--max-new-tokens N] [--temperature T] [--top-p P] [--seed N] [--raw]
      --raw uses the prompt as it is, without the model's chat template
  inspect DIR|FILE.gguf|DATA [--columns MAP]   what a model or data file contains, and what in it cannot be used
  export --model DIR [--adapter DIR[@SCALE]]... --format ${EXPORT_FORMATS.join('|')} --out PATH [--quantization F16|Q8_0|F32] [--lora]
      safetensors: a merged Hugging Face folder · peft: one adapter folder, several adapters joined · onnx: a folder for
      onnxruntime and transformers.js · gguf: a merged model for llama.cpp, or with --lora the adapters alone.
      Every export is read back and compared with the original.
  download OWNER/NAME[/FILE.gguf] --out DIR [--revision R] [--force]
      a model from the Hugging Face Hub (HF_TOKEN and HF_ENDPOINT are read); --force replaces files that were changed
  sample [--out DIR]                           run the whole story on the embedded sample

  --json prints JSON lines on stdout and nothing else.
  --device auto|cpu|webgpu overrides the recipe for every command that computes.
  Exit codes: 0 done · 1 the run failed · 2 wrong use or bad input · 3 stopped on request · 4 done, but protection weakened or an invariant broken`;

const OPTIONS = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  out: { type: 'string' },
  resume: { type: 'boolean' },
  force: { type: 'boolean' },
  model: { type: 'string' },
  adapter: { type: 'string', multiple: true },
  vector: { type: 'string' },
  data: { type: 'string' },
  columns: { type: 'string' },
  threshold: { type: 'string' },
  'false-alarms': { type: 'string' },
  'false-discoveries': { type: 'string' },
  ordinary: { type: 'string' },
  clean: { type: 'string' },
  reviewed: { type: 'boolean' },
  prompt: { type: 'string' },
  raw: { type: 'boolean' },
  ids: { type: 'string' },
  'max-new-tokens': { type: 'string' },
  temperature: { type: 'string' },
  'top-p': { type: 'string' },
  seed: { type: 'string' },
  format: { type: 'string' },
  quantization: { type: 'string' },
  lora: { type: 'boolean' },
  device: { type: 'string' },
  revision: { type: 'string' },
} as const satisfies ParseArgsConfig['options'];

type Values = ReturnType<typeof parse>['values'];

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
}

const wrong = (message: string): HumanError => new HumanError(message, { remedy: 'See security-vectors --help.' });

function required(values: Values, name: 'model' | 'vector' | 'data' | 'out' | 'format'): string {
  const value = values[name];
  if (value === undefined) throw wrong(`--${name} is missing.`);
  return value;
}

/** @throws HumanError when more than one is given, or a rate is not one */
function scanLimit(values: Values): ScanLimit {
  const given = (['false-alarms', 'false-discoveries', 'threshold'] as const).filter(
    (name) => values[name] !== undefined,
  );
  if (given.length > 1) throw wrong(`give only one of ${given.map((name) => `--${name}`).join(', ')}.`);
  const [name] = given;
  if (name === undefined) return SCAN_LIMIT;
  const value = number(values, name, 0, 1);
  if (name === 'threshold') return { share: value };
  if (value === 0 || value === 1) throw wrong(`--${name} must be above 0 and below 1.`);
  return name === 'false-alarms' ? { falseAlarms: value } : { falseDiscoveries: value };
}

function columnsOf({ columns: text }: Values): Columns | undefined {
  if (text === undefined) return undefined;
  const columns = parseColumns(text);
  if (columns) return columns;
  throw wrong(
    `--columns is "${text}"; fields of one row format with their columns were expected, such as prompt=question,completion=answer (fields: ${COLUMN_FIELDS.join(', ')}).`,
  );
}

function number(
  values: Values,
  name: 'threshold' | 'false-alarms' | 'false-discoveries' | 'max-new-tokens' | 'temperature' | 'top-p' | 'seed',
  fallback: number,
  most: number,
): number {
  const text = values[name];
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw wrong(`--${name} is "${text}"; a number was expected.`);
  if (value > most) throw wrong(`--${name} is ${text}; the largest value is ${most}.`);
  return value;
}

function oneOf<T extends string>(value: string, name: string, allowed: readonly T[]): T {
  if (!(allowed as readonly string[]).includes(value))
    throw wrong(`--${name} is "${value}"; it is one of ${allowed.join(', ')}.`);
  return value as T;
}

/** DIR or DIR@SCALE; a folder may have an @ in its name, so only a number behind the last one is a scale. */
function reference(values: Values): ModelReference {
  const adapters = (values.adapter ?? []).map((text) => {
    const match = /^(.+)@(-?\d+(?:\.\d+)?)$/.exec(text);
    return match ? { path: resolve(match[1]), scale: Number(match[2]) } : { path: resolve(text), scale: 1 };
  });
  return { model: resolve(required(values, 'model')), adapters };
}

const chosen = (values: Values): 'auto' | 'cpu' | 'webgpu' | undefined =>
  values.device === undefined ? undefined : oneOf(values.device, 'device', ['auto', 'cpu', 'webgpu'] as const);

/** What a command is given, and where it reports. */
interface Given {
  command: string;
  positionals: readonly string[];
  values: Values;
  out: Terminal;
  reporter: Reporter;
}

function only(what: string, { command, positionals }: Given): string {
  const [first, ...more] = positionals;
  if (first === undefined) throw wrong(`${command} needs ${what}.`);
  if (more.length > 0) throw wrong(`${command} takes one argument: ${what}.`);
  return resolve(first);
}

async function train(given: Given): Promise<number> {
  const { values, out, reporter } = given;
  const done = await calls.run(
    {
      recipe: only('a recipe', given),
      output: values.out && resolve(values.out),
      resume: values.resume,
      force: values.force,
      device: chosen(values),
    },
    reporter,
  );
  return await reportEnd(done, out);
}

async function evaluate(given: Given): Promise<number> {
  const { values, out, reporter } = given;
  const done = await calls.run(
    {
      recipe: only('a recipe', given),
      output: values.out && resolve(values.out),
      force: values.force,
      device: chosen(values),
    },
    { ...reporter, onEvent: (e) => (out.json ? undefined : reporter.onEvent(e)) },
  );
  for (const m of done.measurements) out.line(m);
  return await reportEnd(done, out);
}

async function scan({ values, out, reporter }: Given): Promise<number> {
  const data = resolve(required(values, 'data'));
  const columns = columnsOf(values);
  const clean = values.clean === undefined ? undefined : resolve(values.clean);
  if (clean !== undefined) checkCleaned({ data, out: clean, force: values.force });
  else if (values.force === true) throw wrong('--force is of use only with --clean.');
  if (clean === undefined && values.reviewed === true) throw wrong('--reviewed is of use only with --clean.');
  const decisions = values.reviewed === true ? (await readReview(data)).decisions : undefined;
  const perRow: ScanRow[] = [];
  const result = await calls.scan(
    {
      model: resolve(required(values, 'model')),
      vector: resolve(required(values, 'vector')),
      data,
      columns,
      limit: scanLimit(values),
      ordinary: values.ordinary && resolve(values.ordinary),
      device: chosen(values),
    },
    { ...reporter, onRows: (rows) => void perRow.push(...rows) },
  );
  for (const row of perRow) out.line(row);
  out.line(result);
  out.log(scanText(result));
  for (const { line, p, explained, parts } of perRow.filter((row) => row.flagged).slice(0, 20)) {
    const score = p === undefined ? `${explained.toFixed(2)} explained` : `p ${p.toPrecision(2)}`;
    out.log(`  line ${line}: ${score}${parts ? `  ${JSON.stringify(parts.join(' … ').slice(0, 80))}` : ''}`);
  }
  if (clean === undefined) return EXIT.done;
  const cleaned = await calls.clean(
    { data, columns, out: clean, force: values.force, ...cleaningOf(perRow, decisions) },
    reporter,
  );
  out.line(cleaned);
  out.log(
    `${cleaned.path}: ${cleaned.kept} rows are as they were, ${cleaned.cut} are shorter, ${cleaned.left} are left out.`,
  );
  out.log(cleaned.changes);
  return EXIT.done;
}

async function score({ values, out, reporter }: Given): Promise<number> {
  for (const row of await calls.score(
    {
      ...reference(values),
      data: resolve(required(values, 'data')),
      columns: columnsOf(values),
      device: chosen(values),
    },
    reporter,
  ))
    out.result(row);
  return EXIT.done;
}

async function generate({ values, out, reporter }: Given): Promise<number> {
  const options = {
    maxNewTokens: number(values, 'max-new-tokens', 64, 65_536),
    temperature: number(values, 'temperature', 0, 100),
    topP: number(values, 'top-p', 1, 1),
    seed: number(values, 'seed', 0, Number.MAX_SAFE_INTEGER),
  };
  if (!Number.isInteger(options.maxNewTokens) || options.maxNewTokens < 1)
    throw wrong('--max-new-tokens must be a whole number above 0.');
  if ((values.prompt === undefined) === (values.ids === undefined))
    throw wrong('generate needs either --prompt or --ids.');
  const ids = values.ids?.split(',').map((id) => (/^\s*\d+\s*$/.test(id) ? Number(id) : NaN));
  if (ids?.some(Number.isNaN)) throw wrong(`--ids is "${values.ids}"; comma-separated numbers were expected.`);
  const prompt =
    values.raw === true
      ? { prompt: values.prompt }
      : { messages: [{ role: 'user' as const, content: values.prompt! }] };
  const { text, ids: answer } = await calls.generate(
    { ...reference(values), ...(ids ? { ids } : prompt), options, device: chosen(values) },
    reporter,
  );
  out.line({ text, ids: answer });
  out.print(text);
  return EXIT.done;
}

async function inspect(given: Given): Promise<number> {
  const { out, reporter } = given;
  const path = only('a model or a data file', given);
  const isData = /\.(jsonl|ndjson|json|csv|tsv|parquet)$/i.test(path) && statSync(path).isFile();
  const { path: _, ...info } = await (isData
    ? calls.inspectData({ path, columns: columnsOf(given.values) }, reporter)
    : calls.inspect({ path }, reporter));
  out.result(info);
  return EXIT.done;
}

async function exportModel({ values, out, reporter }: Given): Promise<number> {
  const format = oneOf<ExportFormat>(required(values, 'format'), 'format', EXPORT_FORMATS);
  const quantization =
    values.quantization === undefined
      ? undefined
      : oneOf(values.quantization, 'quantization', ['F16', 'Q8_0', 'F32'] as const);
  const what = values.lora === true ? ('adapter' as const) : ('model' as const);
  const target = resolve(required(values, 'out'));
  const result = await calls.export({ ...reference(values), format, out: target, quantization, what }, reporter);
  for (const note of result.notes ?? []) out.error(`! ${note}`);
  out.result(result);
  return EXIT.done;
}

async function download({ positionals, values, out, reporter }: Given): Promise<number> {
  const [repository, ...more] = positionals;
  if (repository === undefined || more.length > 0) throw wrong('download needs one model on the Hub, OWNER/NAME.');
  out.result(
    await calls.download(
      {
        repository,
        folder: resolve(required(values, 'out')),
        revision: values.revision,
        force: values.force,
      },
      reporter,
    ),
  );
  return EXIT.done;
}

async function sample({ values, out, reporter }: Given): Promise<number> {
  return runSample(resolve(values.out ?? 'out/start'), out, reporter);
}

interface Command {
  run: (given: Given) => Promise<number>;
  /** Besides --json and --help. */
  options: readonly (keyof typeof OPTIONS)[];
}

const COMMANDS: Record<string, Command> = {
  train: { run: train, options: ['out', 'resume', 'force', 'device'] },
  evaluate: { run: evaluate, options: ['out', 'force', 'device'] },
  scan: {
    run: scan,
    options: [
      'model',
      'vector',
      'data',
      'columns',
      'threshold',
      'false-alarms',
      'false-discoveries',
      'ordinary',
      'clean',
      'reviewed',
      'force',
      'device',
    ],
  },
  score: { run: score, options: ['model', 'adapter', 'data', 'columns', 'device'] },
  generate: {
    run: generate,
    options: ['model', 'adapter', 'prompt', 'ids', 'max-new-tokens', 'temperature', 'top-p', 'seed', 'raw', 'device'],
  },
  inspect: { run: inspect, options: ['columns'] },
  export: { run: exportModel, options: ['model', 'adapter', 'format', 'out', 'quantization', 'lora'] },
  download: { run: download, options: ['out', 'revision', 'force'] },
  sample: { run: sample, options: ['out'] },
};

async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json');
  const out = terminal(json);
  const abort = new AbortController();
  // the first Ctrl+C stops between two steps, the second at once
  process.on('SIGINT', () => (abort.signal.aborted ? process.exit(EXIT.stopped) : abort.abort()));
  process.on('SIGTERM', () => abort.abort());
  const reporter: Reporter = {
    signal: abort.signal,
    onEvent: out.event,
    onToken: () => undefined,
    onRows: () => undefined,
    onProgress: out.progress,
    onLog: (_, message) => out.log(message),
  };
  try {
    const { values, positionals } = parse(argv);
    const [command, ...rest] = positionals;
    if (values.help === true || command === undefined) {
      (values.help === true ? process.stdout : process.stderr).write(`${USAGE}\n`);
      return values.help === true ? EXIT.done : EXIT.badInput;
    }
    if (!Object.hasOwn(COMMANDS, command)) throw wrong(`there is no command "${command}".`);
    const { run, options } = COMMANDS[command];
    const extra = Object.keys(values).find((name) => ![...options, 'json', 'help'].includes(name));
    if (extra !== undefined) throw wrong(`${command} has no option --${extra}.`);
    return await run({ command, positionals: rest, values, out, reporter });
  } catch (error) {
    out.endProgress();
    if (error instanceof Cancelled) return EXIT.stopped;
    const known =
      error instanceof TypeError && (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS')
        ? wrong(error.message)
        : error;
    const data = errorData(known);
    out.error(errorText(data));
    if (data.stack !== undefined) out.log(data.stack);
    return data.kind === 'input' ? EXIT.badInput : EXIT.failed;
  } finally {
    out.endProgress();
  }
}

watchMemory(memoryLimit(), LESS_MEMORY);
process.exitCode = await main(process.argv.slice(2));
