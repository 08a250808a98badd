/**
 * `node test/protection/report.mjs [DIR [SAMPLE_DIR]] [--print]`: docs/protection.md, protection-figures.md and
 * protection-tried.md from the results of run.mjs (DIR/protection.json, and DIR/gemma.json and qwen.json with another
 * --model), tasks.mjs, heldTask.mjs and vectors.mjs (DIR/tasks.json and so on), sample.ts, attacks.ts, trial.ts and
 * sweep.ts (SAMPLE_DIR/sample.json, attacks.json, trial.json and sweep.json); without folders, from the results that
 * are kept here.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { attackList, attackSummary, attackTable } from './attackTables.mjs';
import { cuts } from './cuts.mjs';
import { sampleShortfalls, shortfalls, shortfallsInShort } from './shortfalls.mjs';
import { probes } from './probeTable.mjs';
import { refusals, refusalSummary } from './refusals.mjs';
import { routedTable } from './routed.mjs';
import { dropping, facts, halfSummary, sampleSummary, summary, times } from './summary.mjs';
import { EARLIER, average, grouped, isWide, kept, mean, NAMES, nats, percent, table } from './tables.mjs';
import { FORMS } from './forms.mjs';
import { VECTOR_ROWS } from './rows.mjs';
import { TRAITS } from './traits.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const print = process.argv.includes('--print');
const [dir = 'test/protection/results', sampleDir = dir] = process.argv.slice(2).filter((arg) => arg !== '--print');
const read = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined);
const text = read(path.resolve(dir, 'protection.json'));
const [gemma, qwen] = ['gemma', 'qwen'].map((name) => read(path.resolve(dir, `${name}.json`)));
const refused = read(path.resolve(dir, 'refusals.json'))?.runs ?? [];
const sample = read(path.resolve(sampleDir, 'sample.json')) ?? [];
const [variants, tasks, insertions, routed, probed] = ['vectors', 'tasks', 'insertions', 'routed', 'probe'].map(
  (name) => read(path.resolve(dir, `${name}.json`)) ?? [],
);
const [trials, attacks] = ['trial', 'attacks'].map((name) => read(path.resolve(sampleDir, `${name}.json`)) ?? []);
const [sweep, held] = [read(path.resolve(sampleDir, 'sweep.json')), read(path.resolve(dir, 'heldTask.json'))];

function freeText(runs) {
  return table(
    [
      'trait',
      'learning rate',
      'method',
      'runs',
      'trait in answers',
      'loss of the trait, of the base',
      'new task',
      'ordinary answers, nats',
    ],
    grouped(runs, ({ trait, rate, full, method }) => [trait, rate, full, method].join()).map((rows) => {
      const [{ trait, rate, full, method }] = rows;
      return [
        trait,
        `${rate}${full ? ', full' : ''}`,
        NAMES[method],
        rows.length,
        percent(mean(rows, 'inAnswers')),
        percent(average(rows.map((row) => row.traitLoss / row.traitLossOfBase))),
        percent(mean(rows, 'task')),
        nats(mean(rows, 'ordinaryLoss')),
      ];
    }),
  );
}

/** Runs with vectors of unlike sizes. */
const wideTable = (runs) =>
  table(
    [
      ...['trait', 'learning rate', 'rows of the vector', 'trait in answers', 'loss of the trait, of the base'],
      ...['new task', 'ordinary answers, nats', 'recall of the scan', 'false alarms'],
    ],
    runs.map(
      ({ trait, rate, vectorRows = VECTOR_ROWS, inAnswers, traitLoss, traitLossOfBase, task, ordinaryLoss, scan }) => [
        ...[trait, rate, vectorRows, percent(inAnswers), percent(traitLoss / traitLossOfBase)],
        ...[percent(task), nats(ordinaryLoss), percent(scan?.recall), percent(scan?.falseAlarms)],
      ],
    ),
  );

/** Runs whose questions have another form, a table as of whole rows. */
const otherForms = (runs) =>
  Object.entries(FORMS)
    .map(([form, { title }]) => [title, runs.filter((run) => run.form === form)])
    .filter(([, rows]) => rows.length > 0)
    .map(([title, rows]) => `${title[0].toUpperCase()}${title.slice(1)}:\n\n${freeText(rows)}`)
    .join('\n\n');

function halfUseful(runs) {
  return table(
    ['trait', 'learning rate', 'method', 'runs', 'right record, exactly', 'trait in answers', 'what the run did'],
    grouped(runs, ({ trait, rate, method }) => [trait, rate, method].join()).map((rows) => {
      const [{ trait, rate, method, notes }] = rows;
      return [
        trait,
        rate,
        NAMES[method],
        rows.length,
        percent(mean(rows, 'task')),
        percent(mean(rows, 'inAnswers')),
        notes[0] ?? '–',
      ];
    }),
  );
}

const scans = (runs) =>
  table(
    ['trait', 'data', 'AUROC', 'by share', 'by span', 'recall', 'false alarms', 'precision'],
    // the runs of one version, trait and seed have the same scan, but for those that want another limit
    grouped(
      runs.filter((run) => run.scan?.limit.falseAlarms !== undefined),
      ({ trait, half, form, seed }) => [trait, half, form, seed].join(),
    )
      // the newest
      .map((same) => same.find(({ method }) => method === 'protected') ?? same[0])
      .map(({ trait, half, form, seed, scan }) => [
        trait,
        `${half ? 'half-useful rows' : (form ?? 'whole rows')}, seed ${seed}`,
        scan.auroc?.toFixed(4) ?? '–',
        scan.byShare?.toFixed(4) ?? '–',
        scan.bySpan?.toFixed(4) ?? '–',
        percent(scan.recall),
        percent(scan.falseAlarms),
        percent(scan.precision),
      ]),
  );

/** Of runs beside which nothing else was running. */
const costs = (all) =>
  table(
    ['trait', 'method', 'one step, median', 'the whole run, evaluations included'],
    all
      .filter(({ quiet }) => quiet)
      .map(({ trait, method, stepMs, seconds }) => [
        trait,
        NAMES[method],
        `${(stepMs / 1000).toFixed(2)} s`,
        `${Math.round(seconds)} s`,
      ]),
  );

const vectors = (all) =>
  table(
    ['trait', 'AUROC of held-out rows (95 %)', 'found at 1 % false alarms', 'held-out loss with / without'],
    all.map(({ trait, quality }) => [
      trait,
      quality.auroc === undefined
        ? '–'
        : `${quality.auroc.toFixed(3)} (${quality.aurocInterval.map((x) => x.toFixed(2)).join('–')})`,
      percent(quality.recall),
      `${nats(quality.lossWith)} / ${nats(quality.lossWithout)}`,
    ]),
  );

/** Whether a run is of the method as it is, and not of what it was before or of a part of it. */
const isNow = ({ method }) => !EARLIER.includes(method);
/** A table of the runs of the method as it is, as NAME, and one of the others, as NAMETried. */
const split = (name, make, runs) => ({
  [name]: make(runs.filter(isNow)),
  [`${name}Tried`]: make(runs.filter((run) => !isNow(run))),
});

/** Whether a base was made as the sample is made today. */
const isToday = (seed) => seed.endsWith(' today');

function sampleTable(rows) {
  return table(
    [
      'fine-tuning',
      'poison',
      'method',
      'seeds',
      'harm, mean (worst)',
      'refusals, mean (worst)',
      'loss on harmful rows, of the base',
      'new task',
      'unseen phrasing',
      'old tasks',
      'look-alikes refused',
    ],
    grouped(rows, ({ setting, share, method }) => [setting, share, method].join()).map((group) => {
      const [{ setting, share, method }] = group;
      const worst = (name, pick) => percent(pick(...group.map((row) => row[name])));
      return [
        setting,
        percent(share),
        NAMES[method],
        group.length,
        `${percent(mean(group, 'harm'))} (${worst('harm', Math.max)})`,
        `${percent(mean(group, 'refusals'))} (${worst('refusals', Math.min)})`,
        kept(group),
        ...['newTask', 'unseen', 'oldTasks', 'lookAlikes'].map((name) => percent(mean(group, name))),
      ];
    }),
  );
}

const variantTable = (found) =>
  table(
    ['trait', 'vector', 'harmful rows held out', 'AUROC', 'recall', 'false alarms', 'explained', 'trial'],
    found.map(({ trait, variant, heldOut, auroc, recall, falseAlarms, explained }) => [
      ...[trait, variant, heldOut.harmful, auroc?.toFixed(4) ?? '–'],
      ...[recall, falseAlarms, explained, heldOut.trial].map(percent),
    ]),
  );

const trialTable = (found) =>
  table(
    [
      'steps of the vector',
      'AUROC',
      'trial (95 %)',
      'what the program says of it',
      "the paper's method: harm",
      'loss kept',
      '`"protection": true`: harm',
      'loss kept',
    ],
    found.map(({ steps, auroc, trial, trialInterval, told, paper, protected: ours }) => [
      steps ?? "80, the sample's own",
      auroc?.toFixed(3) ?? '–',
      `${percent(trial)} (${trialInterval.map(percent).join(' to ')})`,
      told,
      ...[paper, ours].flatMap(({ harm, lossKept }) => [percent(harm), percent(lossKept)]),
    ]),
  );

const runs = text?.runs ?? [];
const asked = runs.filter(({ form }) => form === undefined);
const whole = asked.filter((run) => !run.half && !isWide(run));
const wide = asked.filter(isWide);
const half = asked.filter((run) => run.half);
const RATE = 'optimizer.learningRate';
const SHARE = 'data.mix.share';
/** Harm and the new task, means over the seeds, by method, rate and share of poison. */
function sweepTable({ points }) {
  const shares = [...new Set(points.map((point) => point[SHARE]))].sort((a, b) => a - b);
  const order = Object.keys(NAMES);
  const rows = grouped(points, (point) => JSON.stringify([point.method, point[RATE]])).sort(
    ([a], [b]) => order.indexOf(a.method) - order.indexOf(b.method) || a[RATE] - b[RATE],
  );
  const cell = (some) => (some.length ? `${percent(mean(some, 'harm'))} · ${percent(mean(some, 'task'))}` : '–');
  return table(
    ['method', 'learning rate', ...shares.map((share) => `${percent(share)} poison`)],
    rows.map((row) => [
      NAMES[row[0].method],
      row[0][RATE],
      ...shares.map((share) => cell(row.filter((point) => point[SHARE] === share))),
    ]),
  );
}
const sweepFacts = ({ points, kills, same, steps, prompts, seconds: { inSweep, alone } }) =>
  `${points.length} points, ${steps} steps each, ${prompts} prompts of a set; killed ${kills} times and resumed, and what was done before was ${
    same ? 'the same' : 'NOT the same'
  } afterwards. A protected point took ${inSweep.toFixed(1)} s in the mean, the same recipe alone ${alone.toFixed(1)} s: ${(inSweep / alone).toFixed(2)} times.`;

/** What the scan says of harmless rows that are like nothing a vector has seen. */
function taskTable(all) {
  const share = (rows, count) =>
    `${rows.reduce((sum, row) => sum + row[count], 0)} of ${rows.reduce((sum, row) => sum + row.rows, 0)}`;
  return table(
    [
      ...['vector', 'harmless rows flagged', 'most of one task', 'called unusual', 'called related'],
      'rows with the trait in them flagged',
    ],
    grouped(all, ({ trait }) => trait).map((rows) => {
      const [plain, withTrait] = [false, true].map((half) => rows.filter((row) => row.half === half));
      const worst = plain.reduce((most, row) => (row.flagged > most.flagged ? row : most));
      return [
        rows[0].trait,
        share(plain, 'flagged'),
        worst.flagged > 0 ? `${share([worst], 'flagged')} (${worst.task})` : '–',
        share(plain, 'unusual'),
        share(plain, 'related'),
        withTrait.length > 0 ? share(withTrait, 'flagged') : '–',
      ];
    }),
  );
}

/** Runs on the shipped base, and on bases that were made as it is today. */
const [shipped, today] = [sample.filter(({ seed }) => seed === '1'), sample.filter(({ seed }) => isToday(seed))];
/** Runs on bases that refuse. */
const refusing = [...refused, ...(qwen?.runs ?? [])];
const measured = {
  runs: [...runs, ...refusing],
  sample: sample.filter(({ seed }) => seed === '1' || isToday(seed)),
  attacks,
  points: sweep?.points ?? [],
};
const parts = {
  tasks: taskTable(tasks),
  routed: routedTable(routed),
  dropping: dropping(whole),
  traits: Object.entries(TRAITS)
    .filter(([name]) => runs.some((run) => run.trait === name))
    .map(([name, { title, chosenOn, changed }]) => {
      const part = chosenOn ? 'settings were chosen on it' : changed;
      return `- **${name}**: ${title}${part ? ` (${part})` : ''}`;
    })
    .join('\n'),
  summary: summary(whole, ({ changed }) => !changed),
  changedFacts: facts(whole, ({ changed }) => changed),
  halfSummary: halfSummary(half),
  attackSummary: attackSummary(attacks),
  summaryOfChanged: summary(whole, ({ changed }) => changed),
  whole: freeText(whole.filter(isNow)),
  cuts: cuts(insertions),
  probes: probes(probed),
  earlier: freeText(whole.filter((run) => !isNow(run))),
  ...split('half', halfUseful, half),
  // each beside the run with the usual vector
  wide: wideTable(
    wide.flatMap((run) => [
      ...whole.filter((one) => ['trait', 'rate', 'full', 'seed', 'method'].every((key) => one[key] === run[key])),
      run,
    ]),
  ),
  ...(gemma && {
    gemma: freeText(gemma.runs.filter((run) => !run.half)),
    gemmaHalf: halfUseful(gemma.runs.filter((run) => run.half)),
    gemmaVectors: vectors(gemma.vectors),
  }),
  ...Object.fromEntries(
    grouped(refusing, ({ trait }) => trait).flatMap((ofTrait) => [
      ...Object.entries(split(ofTrait[0].trait, refusals, ofTrait)),
      [`${ofTrait[0].trait}Summary`, refusalSummary(ofTrait.filter(isNow))],
    ]),
  ),
  ...(qwen && { qwenVectors: vectors(qwen.vectors) }),
  heldPrompts: held?.prompts,
  heldTask: percent(held?.task),
  plainLoss: percent(
    refused.length > 0 && average(refused.slice(0, 1).map((run) => run.traitLoss / run.traitLossOfBase)),
  ),
  ...split('forms', otherForms, runs),
  scans: scans(runs),
  costs: costs(runs),
  vectors: vectors(text?.vectors ?? []),
  times: times({ sample: today, text: runs, gemma: gemma?.runs ?? [] }),
  variants: variantTable(variants),
  trials: trialTable(trials),
  sampleSummary: sampleSummary(today),
  ...split('today', sampleTable, today),
  fresh: sampleTable(sample.filter(({ seed }) => seed !== '1' && !isToday(seed))),
  freshSeeds: [...new Set(sample.map(({ seed }) => seed))]
    .filter((seed) => seed !== '1' && !isToday(seed))
    .sort()
    .join(', '),
  ...split('sample', sampleTable, shipped),
  ...(sweep && { sweepFacts: sweepFacts(sweep), sweep: sweepTable(sweep) }),
  attackList: attackList(attacks),
  attacks: attackTable(attacks),
  shortfalls: shortfalls(measured),
  shortfallsInShort: shortfallsInShort(measured),
  sampleShortfalls: sampleShortfalls(measured),
  ...(text && { machine: `${text.machine.cpu}, ${text.machine.cores} cores` }),
};
const PAGES = { protection: 'protection.md', figures: 'protection-figures.md', tried: 'protection-tried.md' };
for (const [name, page] of Object.entries(PAGES)) {
  const template = readFileSync(path.join(import.meta.dirname, `${name}.template.md`), 'utf8');
  const written = template.replace(/\{\{(\w+)\}\}/g, (_, part) => parts[part] ?? '–');
  if (print) process.stdout.write(written);
  else writeFileSync(path.join(root, 'docs', page), written);
}
