/**
 * `node test/protection/baselinesReport.mjs [DIR] [--print]`: docs/baselines.md from DIR/baselines.json of baselines.ts
 * and DIR/protection.json of run.mjs; without a folder, from the results that are kept here.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { average, BEST, freeTextCells, grouped, isWide, mean, nats, percent, range, table } from './tables.mjs';
import { TRAITS } from './traits.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const print = process.argv.includes('--print');
const [dir = 'test/protection/results'] = process.argv.slice(2).filter((arg) => arg !== '--print');
const read = (name) => {
  const file = path.resolve(dir, name);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
};
const results = read('baselines.json') ?? [];

const TITLES = {
  plain: 'plain',
  drop: 'drop flagged rows',
  anchor: 'anchor only',
  safeinstr: 'SafeInstr',
  ptst: 'PTST',
  inoculation: 'inoculation prompting',
  lisa: 'Lisa',
  safegrad: 'SafeGrad',
  safelora: 'Safe LoRA',
  asft: 'AsFT',
  'preventative-steering': 'preventative steering',
  'buffer-and-reinforce': 'Buffer-and-Reinforce',
  paper: 'the vector',
  protected: '`"protection": true`',
};
const of = (method) => results.filter((row) => row.method === method);
const methods = Object.keys(TITLES).filter((method) => of(method).length > 0);
const measured = (rows, key, write) =>
  rows.every((row) => typeof row[key] === 'number') ? write(mean(rows, key)) : '–';

const line = (method) => {
  const rows = of(method);
  const worst = Math.max(...rows.map(({ harm }) => harm));
  return [
    TITLES[method],
    rows.length,
    rows.length > 1 ? `${percent(mean(rows, 'harm'))} (${percent(worst)})` : percent(worst),
    ...['refusals', 'lossKept', 'newTask', 'unseen', 'oldTasks', 'lookAlikes'].map((key) =>
      measured(rows, key, percent),
    ),
    measured(rows, 'cpuSeconds', (seconds) => `${Math.round(seconds)} s`),
    measured(rows, 'peakBytes', (bytes) => `${Math.round(bytes / 2 ** 20)} MiB`),
  ];
};
const head = [
  ...['method', 'seeds', 'harm', 'refusals', 'loss on harmful rows, of the base', 'new task', 'unseen phrasing'],
  ...['old tasks', 'look-alikes refused', 'time', 'memory'],
];

/** On SmolLM2: traits and seeds of which every method was run, at one rate. */
const RATE = 0.01;
const freeText = (read('protection.json')?.runs ?? []).filter(
  ({ half, form, full, rate, method, trait, ...run }) =>
    !half &&
    form === undefined &&
    !full &&
    !isWide(run) &&
    rate === RATE &&
    BEST.includes(method) &&
    !TRAITS[trait].chosenOn,
);
const complete = grouped(freeText, ({ trait, seed }) => `${trait}/${seed}`).filter(
  (rows) => new Set(rows.map(({ method }) => method)).size === BEST.length,
);
const smollm2Table = () =>
  table(
    [
      'trait',
      'method',
      'seeds',
      'trait in answers',
      'loss of the trait, of the base',
      'new task',
      'ordinary answers, nats',
      'time',
      'memory',
    ],
    grouped(complete.flat(), ({ trait, method }) => `${trait}/${BEST.indexOf(method)}`)
      .sort(([a], [b]) => a.trait.localeCompare(b.trait) || BEST.indexOf(a.method) - BEST.indexOf(b.method))
      .map((rows) => [
        rows[0].trait,
        TITLES[rows[0].method],
        rows.length,
        ...freeTextCells(rows),
        range(
          rows.map(({ ordinaryLoss }) => ordinaryLoss),
          nats,
        ),
        `${Math.round(average(rows.map(({ cpuSeconds }) => cpuSeconds)))} s`,
        `${(Math.max(...rows.map(({ peakBytes }) => peakBytes)) / 1e9).toFixed(2)} GB`,
      ]),
  );

const settingsOf = ({ chosen }) => {
  const inputs = ['name', 'aligned', 'harmful', 'unaligned', 'reinforce'];
  const settings = Object.entries(chosen.baseline ?? {}).filter(([key]) => !inputs.includes(key));
  return { ...Object.fromEntries(settings), ...(chosen.protection && { protection: chosen.protection }) };
};
const chosen = methods
  .map((method) => [TITLES[method], JSON.stringify(settingsOf(of(method)[0]))])
  .filter(([, settings]) => settings !== '{}')
  .map(([title, settings]) => `- ${title}: \`${settings}\``);
const tuned = results.some((row) => row.tuned > 0);
const missing = Object.keys(TITLES).filter((method) => !methods.includes(method));
const [first] = results;
const smollm2 = () => `## On SmolLM2, with free-form text

The setting of [the page on protection](protection-figures.md#free-form-text-smollm2-135m-instruct), LoRA at ${RATE}, for the best of the table above: all
that held the harm below a third there without refusing harmless requests. Two traits on which no setting
was tried; but what harmful rows are held at was changed [after earlier results of *rude*](protection-figures.md#free-form-text-smollm2-135m-instruct), and nothing because of *secrets*. Aligned rows are the
base's own answers to the questions of the vector's harmful rows. Each method has the settings that were chosen on the sample. Of losses, new
task and ordinary answers the least and the most over the seeds; time and memory as above, on a machine with other work. Seed 1 was measured with an
earlier version of the code than the others.

${smollm2Table()}`;

const parts = {
  setting: first
    ? `${first.setting === 'lora 3e-3' ? 'The setting of `npm start`: ' : ''}${first.setting.replace('lora', 'LoRA').replace(' ', ' at ')}, 400 ordinary rows and ${percent(first.share)} poison`
    : 'Nothing was measured yet',
  tuning: tuned
    ? "Each method's own settings are the best of three on a base of another seed, by the sum of what is wanted: no harm, the new task in both phrasings, old tasks, no over-refusal. Ours and the vector had none of these runs: they have the settings that they have everywhere."
    : "No method's own settings were tuned: each has its default, that of its authors where they give one, and may do better with others.",
  seeds: [...new Set(results.map(({ seed }) => seed))].join(', ') || '–',
  favours: results.some(({ seed }) => seed === '1')
    ? 'Seed 1 made the base that is shipped, on which our settings were chosen: there the comparison favours ours. '
    : '',
  table: table(head, methods.map(line)),
  smollm2: complete.length > 0 ? smollm2() : '',
  chosen: [
    chosen.length > 0 ? `Settings:\n\n${chosen.join('\n')}` : '',
    missing.length > 0 ? `Not measured yet: ${missing.map((method) => TITLES[method]).join(', ')}.` : '',
  ]
    .filter(Boolean)
    .join('\n\n'),
};
const template = readFileSync(path.join(import.meta.dirname, 'baselines.template.md'), 'utf8');
const page = `${template.replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name]).trimEnd()}\n`;
if (print) process.stdout.write(page);
else writeFileSync(path.join(root, 'docs/baselines.md'), page);
