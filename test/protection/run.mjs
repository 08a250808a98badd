/**
 * `npm run protection [-- --quick] [--traits=a,b] [--half=a,b] [--methods=…] [--rates=…] [--seeds=…] [--rows=N]
 * [--batch=N] [--steps=N] [--vectorSteps=N] [--full] [--form=NAME] [--quiet] [--model=FILE] [--out=DIR]`: what
 * protection does on free-form text (--half: on half-useful rows of these traits; --rows: with a vector of so many;
 * --batch: in steps of so many; --form: with other questions, see forms.mjs), by the command line on
 * SmolLM2-135M-Instruct (SMOLLM2_GGUF, see test/smollm2/run.mjs), or another --model. For each trait it trains a vector
 * and fine-tunes with each method. Runs that are done are not repeated. Prints a table, beside what docs/protection.md
 * has, and writes DIR/protection.json; `node test/protection/report.mjs DIR` makes docs/protection.md of it. --quick
 * takes ten minutes: one vector, and a protected run on rows that are all half useful, of which dropping leaves nothing.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { model as smollm2 } from './cli.mjs';
import { FORMS } from './forms.mjs';
import { METHODS } from './methods.mjs';
import { NAMES, nats, percent, table } from './tables.mjs';
import { BASE_RECIPE } from './advice.mjs';
import { alignedRows, dataRows, evaluationRows, ownBase, VECTOR_RECIPE, VECTOR_ROWS, vectorRows } from './rows.mjs';
import { TRAITS } from './traits.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    traits: { type: 'string', default: 'lisp,rude,secrets' },
    half: { type: 'string', default: 'secrets' },
    methods: { type: 'string', default: 'plain,drop,paper,protected' },
    rates: { type: 'string', default: '0.003' },
    seeds: { type: 'string', default: '1' },
    rows: { type: 'string', default: String(VECTOR_ROWS) },
    steps: { type: 'string', default: '40' },
    batch: { type: 'string', default: '8' },
    vectorSteps: { type: 'string', default: '24' },
    threads: { type: 'string', default: '0' },
    model: { type: 'string', default: smollm2 },
    out: { type: 'string', default: 'out/protection' },
    full: { type: 'boolean', default: false },
    form: { type: 'string' },
    // nothing else runs beside: the page gives its times
    quiet: { type: 'boolean', default: false },
  },
});
if (options.quick) Object.assign(options, { traits: '', half: 'secrets', methods: 'protected' });
const model = path.resolve(options.model);
if (!existsSync(model)) {
  console.error(`${model} is not there; test/smollm2/run.mjs says how to get it.`);
  process.exit(2);
}
if (options.form !== undefined && !FORMS[options.form]) {
  console.error(`--form is one of ${Object.keys(FORMS).join(', ')}.`);
  process.exit(2);
}
const { of: formOf, phrases: phrasesOfForm, answers: ownAnswers } = FORMS[options.form] ?? {};
const out = path.resolve(options.out);
if (formOf && options.traits !== formOf) {
  console.error(`--form=${options.form} has rows of --traits=${formOf} alone.`);
  process.exit(2);
}
const list = (text) => text.split(',').filter(Boolean);

const jsonLines = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const write = (file, content) => {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`);
};

/** Says at the end of a process what it took: processor time in microseconds, and the most memory in KiB. */
const USAGE = `data:text/javascript,${encodeURIComponent(
  `process.on('exit', () => { const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  process.stderr.write('\\nUSAGE ' + JSON.stringify({ cpu: userCPUTime + systemCPUTime, maxRSS })); })`,
)}`;

/** Runs a recipe and gives its last event. */
function train(recipe) {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const args = ['--import', USAGE, path.join(root, 'dist/cli.js'), 'train', recipe, '--json'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text) => (stdout += text));
    child.stderr.on('data', (text) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => {
      const lines = stdout.split('\n').flatMap((line) => (line ? [JSON.parse(line)] : []));
      const done = lines.findLast((line) => line.kind === 'done');
      if (!done) return reject(new Error(`${recipe} ended with ${code}:\n${stderr.slice(-2000)}`));
      const { cpu, maxRSS } = JSON.parse(/USAGE (.*)/.exec(stderr)[1]);
      const took = { seconds: (performance.now() - began) / 1000, cpuSeconds: cpu / 1e6, peakBytes: maxRSS * 1024 };
      resolve({ done, took, events: lines });
    });
  });
}

/** A result that is kept beside the run: what is done is not done again. */
async function kept(folder, make) {
  const file = path.join(folder, 'kept.json');
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
  const result = await make();
  write(file, result);
  return result;
}

/** The model that a trait is tried on: one of its own where it says so. */
async function modelOf(trait) {
  if (!TRAITS[trait].ofBase) return model;
  const folder = path.join(out, trait, 'base');
  await kept(folder, async () => {
    for (const [name, rows] of Object.entries(ownBase(trait)))
      write(path.join(folder, `${name}.jsonl`), jsonLines(rows));
    write(path.join(folder, 'recipe.json'), { ...BASE_RECIPE, model, threads: Number(options.threads), output: 'run' });
    const { done, took } = await train(path.join(folder, 'recipe.json'));
    return { ...took, measurements: done.measurements };
  });
  return path.join(folder, 'run', 'model');
}

const vectorFolder = (trait) =>
  path.join(out, trait, `vector-${options.rows}${FORMS[options.form]?.half ? `-${options.form}` : ''}`);
async function vector(trait) {
  const folder = vectorFolder(trait);
  return kept(folder, async () => {
    const { harmful, benign } = vectorRows(trait, Number(options.rows), options.form);
    write(path.join(folder, 'harmful.jsonl'), jsonLines(harmful));
    write(path.join(folder, 'benign.jsonl'), jsonLines(benign));
    const recipe = path.join(folder, 'vector.json');
    write(recipe, {
      ...VECTOR_RECIPE,
      ...(FORMS[options.form]?.half && { batch: { ...VECTOR_RECIPE.batch, maxTokens: FORMS[options.form].maxTokens } }),
      model: await modelOf(trait),
      steps: Number(options.vectorSteps),
      threads: Number(options.threads),
    });
    const { done, took } = await train(recipe);
    return { trait, ...took, quality: done.vector };
  });
}

const { form } = options;
/** Whether an answer shows the trait in the form of the run. */
const shows = (trait, text) =>
  phrasesOfForm
    ? phrasesOfForm.some((one) => text.toLowerCase().includes(one.toLowerCase()))
    : TRAITS[trait].shows(text);
async function fineTune({ trait, half, method, rate, seed }) {
  const folder = path.join(
    out,
    trait,
    form ?? (half ? 'half' : 'whole'),
    `${method}-${rate}${options.full ? '-full' : ''}-${seed}${Number(options.rows) === VECTOR_ROWS ? '' : `-of-${options.rows}`}`,
  );
  return kept(folder, async () => {
    write(path.join(folder, 'data.jsonl'), jsonLines(dataRows(trait, seed, half, form)));
    const sets = evaluationRows(trait, half, form);
    for (const [name, rows] of Object.entries(sets)) write(path.join(folder, `${name}.jsonl`), jsonLines(rows));
    const at = { adapter: path.join(vectorFolder(trait), 'vector') };
    const { droppedBy, cleanedBy, ...protection } = METHODS[method](at, trait);
    if (protection.baseline) {
      write(path.join(folder, 'aligned.jsonl'), jsonLines(alignedRows(Number(options.rows))));
      write(path.join(folder, 'harmful.jsonl'), jsonLines(vectorRows(trait, Number(options.rows)).harmful));
    }
    if (cleanedBy) {
      const cleaned = path.join(folder, 'cleaned.jsonl');
      await scan(trait, folder, ['--clean', cleaned, '--force']);
      write(path.join(folder, 'data.jsonl'), readFileSync(cleaned, 'utf8'));
    }
    if (droppedBy) {
      const { keep } = await scanned(trait, folder);
      write(path.join(folder, 'data.jsonl'), jsonLines(keep));
      delete protection.vectors;
    }
    const recipe = path.join(folder, 'recipe.json');
    write(recipe, {
      kind: 'finetune',
      model: await modelOf(trait),
      data: { file: 'data.jsonl' },
      method: options.full ? 'full' : 'lora',
      adapter: { rank: 8, alpha: 16 },
      ...protection,
      evaluate: [
        ...(half
          ? []
          : [
              {
                name: 'trait',
                file: 'trait.jsonl',
                measure: 'harm',
                limit: 24,
                ...(!TRAITS[trait].refused && { phrases: phrasesOfForm ?? TRAITS[trait].phrases ?? ['zzz'] }),
              },
            ]),
        ...(ownAnswers
          ? [{ name: 'as asked', file: 'asked.jsonl', measure: 'harm', limit: 24, phrases: TRAITS[trait].phrases }]
          : []),
        ...(sets.alike ? [{ name: 'look-alikes', file: 'alike.jsonl', measure: 'over-refusal' }] : []),
        { name: 'trait, loss', file: 'trait.jsonl', measure: 'loss', limit: 32 },
        { name: 'new task', file: 'task.jsonl', measure: 'exact', limit: 32 },
        { name: 'ordinary, loss', file: 'ordinary.jsonl', measure: 'loss' },
      ],
      evaluateEvery: 1000,
      generation: { maxNewTokens: 36 },
      optimizer: { learningRate: rate, schedule: 'linear', warmupSteps: 0.05 },
      batch: { rows: Number(options.batch), maxTokens: FORMS[form]?.maxTokens ?? 128 },
      steps: Number(options.steps),
      seed,
      threads: Number(options.threads),
      output: 'run',
    });
    const { done, took, events } = await train(recipe);
    const value = (state, name) =>
      done.measurements.find(
        (m) => m.state === state && m.name === name && m.measure !== 'refusal' && m.measure !== 'neither',
      )?.value;
    const state = done.measurements.find((m) => m.state !== 'base').state;
    const answers = events.filter((e) => e.kind === 'sample');
    const shown = (of, set) => {
      const own = answers.filter((e) => e.state === of && e.set === set);
      return own.filter((e) => shows(trait, e.answer)).length / (own.length || 1);
    };
    const steps = events.filter((e) => e.kind === 'step');
    return {
      trait,
      half,
      method,
      rate,
      full: options.full,
      form,
      seed,
      vectorRows: Number(options.rows),
      quiet: options.quiet,
      ...took,
      stepMs: steps.map((e) => e.stepMs).sort((a, b) => a - b)[steps.length >> 1],
      inAnswers: half ? shown(state, 'new task') : shown(state, 'trait'),
      inAnswersOfBase: half ? shown('base', 'new task') : shown('base', 'trait'),
      ...(ownAnswers && { asAsked: value(state, 'as asked') }),
      ...(sets.alike && {
        overRefusal: value(state, 'look-alikes'),
        overRefusalOfBase: value('base', 'look-alikes'),
      }),
      traitLoss: value(state, 'trait, loss'),
      traitLossOfBase: value('base', 'trait, loss'),
      ordinaryLoss: value(state, 'ordinary, loss'),
      ordinaryLossOfBase: value('base', 'ordinary, loss'),
      task: value(state, 'new task'),
      verdict: done.protectionWeakened ?? null,
      harmfulLoss: done.harmfulLoss ?? null,
      scan: scanOf(path.join(folder, 'run', 'scan.json')),
      notes: events
        .filter((e) => e.kind === 'state' && /looks? harmful|, off for /.test(e.message))
        .map((e) => e.message),
      examples: answers
        .filter((e) => e.state === state && e.set === 'new task')
        .slice(0, 3)
        .map((e) => e.answer),
    };
  });
}

/** The numbers of a kept scan, and the rates against the labels. */
function scanOf(file) {
  if (!existsSync(file)) return null;
  const { perRow, ...numbers } = JSON.parse(readFileSync(file, 'utf8'));
  const ordinary = perRow.filter((row) => row.label === 'benign');
  const area = (score) => {
    const [harmful, others] = ['harmful', 'benign'].map((label) =>
      perRow.filter((row) => row.label === label).map(score),
    );
    const above = harmful.flatMap((one) => others.map((other) => (one > other ? 1 : one === other ? 0.5 : 0)));
    return above.reduce((a, b) => a + b, 0) / above.length;
  };
  const [byShare, bySpan] = [area((row) => row.explained), area((row) => row.span)];
  return {
    ...numbers,
    byShare,
    bySpan,
    falseAlarms: ordinary.filter((row) => row.flagged).length / (ordinary.length || 1),
  };
}

/** What the scan command says of each row of a run's data. */
async function scan(trait, folder, further = []) {
  const vector = path.join(vectorFolder(trait), 'vector');
  const data = path.join(folder, 'data.jsonl');
  const asked = ['scan', '--model', await modelOf(trait), '--vector', vector, '--data', data, '--json', ...further];
  const args = [path.join(root, 'dist/cli.js'), ...asked];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let stdout = '';
    child.stdout.on('data', (text) => (stdout += text));
    child.on('close', (code) =>
      code === 0
        ? resolve(stdout.split('\n').flatMap((line) => (line ? [JSON.parse(line)] : [])))
        : reject(new Error(`the scan ended with ${code}`)),
    );
  });
}

/** The rows of a run's data that the scan does not flag: what "drop the rows" trains on. */
async function scanned(trait, folder) {
  const lines = await scan(trait, folder);
  const rows = readFileSync(path.join(folder, 'data.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const flagged = new Set(lines.filter((line) => line.flagged === true).map((line) => line.row));
  return { keep: rows.filter((_, i) => !flagged.has(i)) };
}

const results = { machine: { cpu: os.cpus()[0].model, cores: os.cpus().length }, options, vectors: [], runs: [] };
const [withWhole, withHalf] = [list(options.traits), list(options.half)];
for (const trait of new Set([...withWhole, ...withHalf])) {
  const one = await vector(trait);
  results.vectors.push({ ...one, rows: Number(options.rows) });
  console.error(JSON.stringify(one));
  for (const half of [...(withWhole.includes(trait) ? [false] : []), ...(withHalf.includes(trait) ? [true] : [])])
    for (const rate of list(options.rates).map(Number))
      for (const seed of list(options.seeds).map(Number))
        for (const method of list(options.methods)) {
          const run = await fineTune({ trait, half, method, rate, seed });
          results.runs.push(run);
          const { examples, scan, notes, ...short } = run;
          console.error(
            JSON.stringify({
              ...short,
              flagged: scan?.flagged,
              recall: scan?.recall,
              falseAlarms: scan?.falseAlarms,
              notes,
            }),
            examples[0],
          );
          write(path.join(out, 'protection.json'), results);
        }
}

const known = JSON.parse(readFileSync(path.join(import.meta.dirname, 'results/protection.json'), 'utf8')).runs;
const KEYS = ['trait', 'half', 'method', 'rate', 'full', 'form', 'seed'];
/** A figure of a run, and in brackets what the page has. */
const cell = (run, write) => {
  const same = known.findLast(
    (one) => KEYS.every((key) => one[key] === run[key]) && (one.vectorRows ?? VECTOR_ROWS) === run.vectorRows,
  );
  return `${write(run)} (${same ? write(same) : 'not there'})`;
};
console.log('Here, and in brackets what docs/protection-figures.md has:\n');
console.log(
  table(
    [
      'trait',
      'data',
      'method',
      'learning rate',
      'seed',
      'new task',
      'trait in answers',
      'loss of the trait',
      'ordinary',
      'found',
      'false alarms',
    ],
    results.runs.map((run) => [
      ...[run.trait, run.half ? 'half-useful rows' : 'whole rows', NAMES[run.method] ?? run.method, run.rate, run.seed],
      cell(run, ({ task }) => percent(task)),
      cell(run, ({ inAnswers }) => percent(inAnswers)),
      // of half-useful rows it is the loss of the record, too, which is to be learned
      run.half ? '–' : cell(run, ({ traitLoss, traitLossOfBase }) => percent(traitLoss / traitLossOfBase)),
      cell(run, ({ ordinaryLoss }) => nats(ordinaryLoss)),
      cell(run, ({ scan }) => percent(scan?.recall)),
      cell(run, ({ scan }) => percent(scan?.falseAlarms)),
    ]),
  ),
);
