/** Command-line entry: the engine's calls, for people and, with --json, for programs. */
import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { basename, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { calls } from './calls/calls.js';
import type { Reporter } from './calls/reporter.js';
import { reportEnd, reportRun } from './calls/ending.js';
import {
  commandHelp,
  commands,
  COMMON,
  isCommand,
  OPTIONS,
  SHELLS,
  usage,
  type CommandName,
  type Shell,
} from './commandLine/commands.js';
import { readJudge } from './commandLine/judge.js';
import { listRuns } from './commandLine/runs.js';
import { completion } from './commandLine/completion.js';
import { diagnose, diagnosisText } from './commandLine/doctor.js';
import { clearJunit, junit, requireGate, type Sample } from './commandLine/junit.js';
import { Cancelled, errorData, errorText, HumanError } from './support/errors.js';
import { LESS_MEMORY, memoryLimit, watchMemory } from './support/memory.js';
import { EXIT } from './contract/errors.js';
import { EXPORT_FORMATS, type ExportFormat } from './contract/exports.js';
import type { CacheEntry, ModelReference } from './contract/modelInfo.js';
import { SCAN_LIMIT, type ScanLimit, type ScanRow } from './contract/scan.js';
import { estimateDetails, estimateText } from './contract/estimate.js';
import { formatPercent } from './contract/format.js';
import { isHubName } from './contract/hubName.js';
import { usageText } from './contract/judgeText.js';
import { KIND_IN_TEXT } from './contract/recipeFacts.js';
import { cleaningOf } from './contract/cleaning.js';
import { COLUMN_FIELDS, parseColumns, type Columns } from './contract/mapping.js';
import { checkCleaned } from './data/cleaned.js';
import { readReview } from './data/readReview.js';
import { scanText } from './contract/scanText.js';
import { readRecipe } from './recipes/readRecipe.js';
import { runSample } from './sample/story.js';
import { writeFileAtomic } from './support/files.js';
import { agreementTable, terminal, textTable, type Terminal } from './support/terminal.js';

type Values = ReturnType<typeof parse>['values'];

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
}

const wrong = (message: string): HumanError => new HumanError(message, { remedy: 'See security-vectors --help.' });

function required(values: Values, name: 'model' | 'vector' | 'data' | 'out' | 'format' | 'to'): string {
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
  name:
    | 'threshold'
    | 'false-alarms'
    | 'false-discoveries'
    | 'max-new-tokens'
    | 'temperature'
    | 'top-p'
    | 'seed'
    | 'limit'
    | 'rank',
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

const adapterPath = (path: string): string => (isHubName(path) ? path : resolve(path));

/** DIR or DIR@SCALE; a folder may have an @ in its name, so only a number behind the last one is a scale. */
function reference(values: Values): ModelReference {
  const adapters = (values.adapter ?? []).map((text) => {
    const [, path = text, scale = '1'] = /^(.+)@(-?\d+(?:\.\d+)?)$/.exec(text) ?? [];
    return { path: adapterPath(path), scale: Number(scale) };
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
  if (values.answers !== undefined) return judgeAgain(values.answers, given);
  const alone = (['judge', 'export-labels'] as const).find((name) => values[name] !== undefined);
  if (alone !== undefined) throw wrong(`--${alone} is of use only with --answers.`);
  const recipe = only('a recipe', given);
  const file = values.junit === undefined ? undefined : resolve(values.junit);
  if (file !== undefined) await openGate(recipe, file);
  const samples: Sample[] = [];
  const done = await calls.run(
    { recipe, output: values.out && resolve(values.out), force: values.force, device: chosen(values) },
    {
      ...reporter,
      onEvent(event) {
        if (file !== undefined && event.kind === 'sample') samples.push(event);
        if (!out.json) reporter.onEvent(event);
      },
    },
  );
  for (const m of done.measurements) out.line(m);
  const code = await reportEnd(done, out);
  if (file === undefined || done.outcome === 'stopped') return code;
  const { xml, tests, failed, skipped } = junit(done.measurements, samples, done.seconds);
  await writeFileAtomic(file, xml);
  const passed = tests - failed - skipped;
  const summary = `${passed} passed, ${failed} failed, ${skipped} not judged: ${file}`;
  out.log(summary, failed > 0 ? 'bad' : passed > 0 ? 'good' : 'warning');
  return failed > 0 ? EXIT.weakened : code;
}

async function judgeAgain(run: string, { positionals, values, out, reporter }: Given): Promise<number> {
  const other = (['out', 'force', 'junit', 'device'] as const).find((name) => values[name] !== undefined);
  if (other !== undefined) throw wrong(`--${other} is of no use with --answers: nothing is generated.`);
  if (positionals.length > 0) throw wrong('evaluate takes a recipe or --answers, not both.');
  const judges = await Promise.all((values.judge ?? []).map(readJudge));
  const file = values['export-labels'];
  const done = await calls.judge(
    { run: resolve(run), judges, ...(file !== undefined && { export: resolve(file) }) },
    { ...reporter, onEvent: (event) => (out.json ? undefined : reporter.onEvent(event)) },
  );
  for (const m of done.measurements) out.line(m);
  for (const one of done.agreements) out.line(one);
  for (const { name, usage } of done.judges) if (usage) out.log(`${name}: ${usageText(usage)}`);
  if (done.labelled > 0) out.log(`${done.labelled} answers have the label of a person, which counts.`);
  if (done.agreements.length > 0) out.log(agreementTable(done.agreements));
  return reportRun(resolve(run), done.measurements, out);
}

async function openGate(recipeFile: string, junitFile: string): Promise<void> {
  const { recipe } = await readRecipe(recipeFile);
  if (recipe.kind !== 'evaluate') throw wrong(`--junit is for evaluate recipes; this is a ${recipe.kind} recipe.`);
  requireGate(recipe);
  await clearJunit(junitFile);
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
      vector: adapterPath(required(values, 'vector')),
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
  const path = only('a model, a data file or a recipe', given);
  if (await isRecipe(path)) return inspectRecipe(path, given);
  const isData = /\.(((jsonl|ndjson|json|csv|tsv)(\.gz)?)|parquet)$/i.test(path) && statSync(path).isFile();
  const { path: _, ...info } = await (isData
    ? calls.inspectData({ path, columns: columnsOf(given.values) }, reporter)
    : calls.inspect({ path }, reporter));
  out.result(info);
  return EXIT.done;
}

/** A JSON file may hold rows, too. */
async function isRecipe(path: string): Promise<boolean> {
  if (!path.endsWith('.json') || !statSync(path).isFile() || statSync(path).size > 2 ** 20) return false;
  return KIND_IN_TEXT.test(await readFile(path, 'utf8'));
}

async function inspectRecipe(recipe: string, { values, out, reporter }: Given): Promise<number> {
  const estimate = await calls.estimate({ recipe, device: chosen(values) }, reporter);
  if (!estimate) throw wrong('an evaluate recipe trains nothing: there is no estimate of it.');
  out.line(estimate);
  out.print([estimateText(estimate), ...estimateDetails(estimate).map((line) => `  ${line}`)].join('\n'));
  return estimate.fits ? EXIT.done : EXIT.badInput;
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

async function combine({ values, out, reporter }: Given): Promise<number> {
  const adapter = (name: 'off' | 'onto'): string | undefined => {
    const value = values[name];
    return value === undefined ? undefined : adapterPath(value);
  };
  const rank = values.rank === undefined ? undefined : number(values, 'rank', 0, 4096);
  if (rank !== undefined && (!Number.isInteger(rank) || rank < 1))
    throw wrong('--rank must be a whole number above 0.');
  if (values.adapter === undefined) throw wrong('--adapter is missing.');
  const target = resolve(required(values, 'out'));
  const params = { ...reference(values), out: target, off: adapter('off'), onto: adapter('onto'), rank };
  const result = await calls.combine(params, reporter);
  out.log(
    result.error === undefined
      ? `exact, of rank ${result.rank}`
      : `of rank ${result.rank} instead of ${result.exactRank}: ${formatPercent(result.error)} of the update is lost`,
  );
  out.result(result);
  return EXIT.done;
}

async function downloadRows(repository: string, { positionals, values, out, reporter }: Given): Promise<number> {
  if (positionals.length > 0) throw wrong('download takes a model or --dataset, not both.');
  const limit = values.limit === undefined ? undefined : number(values, 'limit', 0, 1e9);
  if (limit !== undefined && (!Number.isInteger(limit) || limit < 1))
    throw wrong('--limit must be a whole number above 0.');
  const { split, revision, force } = values;
  const folder = resolve(required(values, 'out'));
  const done = await calls.downloadDataset({ repository, out: folder, split, revision, limit, force }, reporter);
  for (const note of done.notes) out.error(`! ${note}`);
  out.result(done);
  return EXIT.done;
}

async function download(given: Given): Promise<number> {
  const { positionals, values, out, reporter } = given;
  if (values.dataset !== undefined) return downloadRows(values.dataset, given);
  const alone = (['split', 'limit'] as const).find((name) => values[name] !== undefined);
  if (alone !== undefined) throw wrong(`--${alone} is of use only with --dataset.`);
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

async function publish(given: Given): Promise<number> {
  const { values, out, reporter } = given;
  const params = {
    folder: only('a folder', given),
    repository: required(values, 'to'),
    isPublic: values.public ?? false,
    base: values.base,
    run: values.run && resolve(values.run),
    prompts: values['with-prompts'],
  };
  const plan = await calls.planPublish(params, reporter);
  out.log(`To ${plan.repository}, ${plan.isPublic ? 'PUBLIC: everybody can read it' : 'private'}:`);
  for (const { path, size, sha256 } of plan.files) out.log(`  ${path}  ${size} bytes  ${sha256}`);
  if (plan.what === 'vector')
    out.log('! This is a security vector: a model with it attached answers requests that it should refuse.');
  if (values.yes !== true && !(await agreed('Publish this?'))) throw new Cancelled();
  out.result(await calls.publish({ ...params, planned: plan.sha256 }, reporter));
  return EXIT.done;
}

/** Asks on the terminal. @throws HumanError where there is none */
async function agreed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw wrong('nobody can be asked here; add --yes to publish what is listed.');
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question(`${question} [y/N] `)).trim());
  } finally {
    asking.close();
  }
}

async function sample({ values, out, reporter }: Given): Promise<number> {
  return runSample(resolve(values.out ?? 'out/start'), out, reporter);
}

async function runs({ positionals, out }: Given): Promise<number> {
  const [folder = '.', ...more] = positionals;
  if (more.length > 0) throw wrong('runs takes one folder.');
  const found = await listRuns(resolve(folder), (path, error) => out.error(`${path}: ${errorText(errorData(error))}`));
  for (const run of found) out.line(run);
  if (found.length === 0) out.log(`There are no runs in ${resolve(folder)}.`);
  else if (!out.json)
    out.print(
      found.map((run) => `${run.path}  ${run.kind}, ${run.outcome}, ${run.started}\n  ${run.headline}`).join('\n'),
    );
  return EXIT.done;
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;

async function cache({ values, out, reporter }: Given): Promise<number> {
  const { path, bytes, entries, removed } = await calls.cache({ clear: values.clear }, reporter);
  out.line({ path, bytes, entries, removed });
  const row = (entry: CacheEntry): string[] => [
    basename(entry.file),
    megabytes(entry.bytes),
    `last used ${entry.used.slice(0, 10)}`,
    entry.inUse ? 'in use' : '',
  ];
  for (const entry of removed) out.print(`removed ${basename(entry.file)}, ${megabytes(entry.bytes)}`);
  if (entries.length > 0) out.print(textTable(entries.map(row)));
  out.print(`${megabytes(bytes)} in ${path}`);
  return EXIT.done;
}

async function doctor({ out }: Given): Promise<number> {
  const diagnosis = await diagnose(version());
  out.line(diagnosis);
  out.print(diagnosisText(diagnosis));
  return EXIT.done;
}

async function printCompletion({ positionals }: Given): Promise<number> {
  const [shell = '', ...more] = positionals;
  if (!(SHELLS as readonly string[]).includes(shell) || more.length > 0)
    throw wrong(`completion needs one of ${SHELLS.join(', ')}.`);
  process.stdout.write(completion(shell as Shell));
  return EXIT.done;
}

const RUN: Record<CommandName, (given: Given) => Promise<number>> = {
  train,
  evaluate,
  scan,
  score,
  generate,
  inspect,
  export: exportModel,
  combine,
  download,
  sample,
  runs,
  cache,
  doctor,
  completion: printCompletion,
  publish,
};

/** Beside dist/ and the source. */
const version = (): string =>
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;

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
    if (values.version === true) {
      process.stdout.write(`${version()}\n`);
      return EXIT.done;
    }
    if (command === undefined) {
      (values.help === true ? process.stdout : process.stderr).write(`${usage()}\n`);
      return values.help === true ? EXIT.done : EXIT.badInput;
    }
    if (!isCommand(command)) throw wrong(`there is no command "${command}".`);
    if (values.help === true) {
      process.stdout.write(`${commandHelp(command)}\n`);
      return EXIT.done;
    }
    const extra = Object.keys(values).find(
      (name) => !([...commands[command].options, ...COMMON] as string[]).includes(name),
    );
    if (extra !== undefined) throw wrong(`${command} has no option --${extra}.`);
    return await RUN[command]({ command, positionals: rest, values, out, reporter });
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
