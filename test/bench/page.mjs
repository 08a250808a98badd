/**
 * docs/performance.md from a report of `npm run bench`: `node test/bench/page.mjs [REPORT.json [PAGE.md]]`; without
 * one, from results.json, that of the page. Every number on the page is one of the report; the words about what was
 * tried are in tried.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { benchmarks, ESTIMATE, ESTIMATES, FURTHER, GOALS, memoryName, TIME_ESTIMATE } from './benchmarks.mjs';
import { CURVES, exponent } from './curves.mjs';

const folder = import.meta.dirname;

/** The page of a report. @param tried Markdown of what was tried without success */
export function page({ machine, results, elsewhere: rates = {}, profile, curves, gpu }, tried) {
  const named = new Map(results.map((result) => [result.name, result]));
  const trainings = results.filter(({ gemmShare }) => gemmShare !== undefined);
  const memories = trainings.flatMap(({ name }) => named.get(memoryName(name)) ?? []);
  const parts = results.filter(({ name }) => benchmarks[name]?.part);
  const shown = [...trainings, ...memories, ...parts, ...parts.map(({ name }) => named.get(memoryName(name)))];
  const others = results.filter((r) => !(r.name in ESTIMATES) && !shown.includes(r));
  const [estimate, ofTime] = [ESTIMATE, TIME_ESTIMATE].map((name) => named.get(name));
  return `# Performance

Made by \`npm run bench -- --json test/bench/results.json\` and \`node test/bench/page.mjs\`. Ours and the peer's in turn on the same machine and the
same weights, one at a time, best of several; half of the tokens are supervised. A ratio above 1: we are ahead.

${machineText(machine)}
${elsewhere(results, curves ?? [], rates)}
## Training

${table(
  [
    '',
    'ours',
    'peer',
    'ratio',
    ...(hasCompiled(trainings) ? ['torch.compile', 'ratio'] : []),
    'share of the GEMM limit',
    ...(ofTime ? ['estimate', 'off by'] : []),
  ],
  trainings.map((r) => [
    starred(r),
    ...sides(r),
    ...(hasCompiled(trainings) ? [value(r.compiled ?? null, r.unit), ratio(r.compiledRatio)] : []),
    r.gemmShare === null ? '–' : percent(r.gemmShare),
    ...(ofTime ? [value(r.expectedMs ?? null, r.unit), r.timeError === undefined ? '–' : percent(r.timeError)] : []),
  ]),
)}

The share of the GEMM limit is the time that the floating-point operations of a step need at onnxruntime's own rate for matrix
products, over the time of the step. The rate is measured in the same run with as many different weights in turn as the model has and a
fresh output each time; a share above 100 % is of a machine that was slower meanwhile.${
    ofTime
      ? ` The
[estimate](recipes.md#what-a-run-takes) is what a run says before its first step; later ones correct it by steps that were measured.`
      : ''
  }

## Memory

Highest resident memory of the process, and what the [estimate](recipes.md#what-a-run-takes) says before a run.

${table(
  ['', 'ours', 'peer', 'ratio', 'estimate', 'off by'],
  memories.map((r) => [
    starred(r),
    ...sides(r),
    value(r.expected ?? null, 'bytes'),
    r.error === undefined ? '–' : percent(r.error),
  ]),
)}
${estimate ? `\nThe largest error of an estimate is ${percent(estimate.ours)}.\n` : ''}
## What parts of a run cost

Steps with a part and without it, in turn; of each the least of the means of the rounds. A step of \`step-protected\` has a frozen vector and holds a further row where its
losses were and, every other step, another by its distributions, as \`"protection": true\` does in steps of 8 rows. One of
\`step-protected-refused\` holds two prompts in every step, one of them loosely, as for [a base that refuses](recipes.md#a-base-that-refuses). Each graph of a run maps the
file of the weights for itself, which counts as resident memory each time, though the pages are the same.

${partsText(parts, named)}

## Start, chat and generation

\`attach-…\`: how much longer the next token of a chat takes after an adapter was attached, detached or given another factor; \`-unread\`: after one was
attached whose file had not been read; \`-first\`: after the first one of a chat with weights in blocks, for which the model is opened again.

${table(
  ['', 'ours', 'peer', 'ratio'],
  others.map((r) => [starred(r), ...sides(r)]),
)}
${profile ? profileText(profile) : ''}${curves ? curvesText(curves) : ''}${gpu ? gpuText(gpu) : ''}
${goalsText(named)}
## Tried without success

${tried.trim()}
`;
}

const GB = 1e9;
const code = (text) => `\`${text}\``;
/** With a star where it is from another machine. */
const starred = ({ name, machine }) => `${code(name)}${machine ? ' *' : ''}`;
/** Which names have a star, and which benchmarks have no result. */
function elsewhere(results, curves, rates) {
  const machines = new Set([...results, ...curves].flatMap(({ machine }) => machine ?? []));
  const described = (cpu) => (rates[cpu] ? `${cpu}; matrix products alone: ${productRates(rates[cpu])}` : cpu);
  const whose = [results, curves].flatMap((some, i) =>
    some.some(({ machine }) => machine) ? [['what has a \\*', 'the curves'][i]] : [],
  );
  const missing = [...Object.keys(benchmarks), ...FURTHER.map(({ name }) => name)].filter(
    (name) => !results.some((result) => result.name === name),
  );
  return [
    machines.size > 0 && `On another machine (${[...machines].map(described).join(', ')}): ${whose.join(', ')}.\n`,
    missing.length > 0 && `Not in this report: ${missing.map(code).join(', ')}.\n`,
  ]
    .filter(Boolean)
    .map((line) => `\n${line}`)
    .join('');
}
const percent = (share) => `${Math.round(100 * share)} %`;
const number = (n) => String(Number(n.toPrecision(3)));
const ratio = (n) => (n === null || n === undefined ? '–' : n.toFixed(2));
function value(n, unit) {
  if (n === null) return '–';
  if (unit === 'bytes') return `${(n / GB).toFixed(2)} GB`;
  if (unit === 'ms') return `${number(n)} ms`;
  return unit.startsWith('ms') ? `${number(n / 1000)} s` : `${number(n)} ${unit}`;
}
/** What could not be run says why. */
const sides = ({ ours, theirs, peer, ratio: n, unit, reason }) => [
  ours === null && reason ? reason : value(ours, unit),
  theirs === null ? (ours !== null && reason ? `${reason} (${peer})` : '–') : `${value(theirs, unit)} (${peer})`,
  ratio(n),
];
const hasCompiled = (trainings) => trainings.some(({ compiled }) => compiled !== undefined);

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |'))
    .join('\n');

function productRates({ onnxruntime, torch } = {}) {
  const rate = (n) => (n === null || n === undefined ? 'not measured' : `${Math.round(n)} GFLOP/s`);
  return `onnxruntime ${rate(onnxruntime)}, torch ${rate(torch)}`;
}

function machineText({ cpu, cores, threads, memoryBytes, os, node, onnxruntime, peers, gemm, load }) {
  const versions = Object.entries({ 'Node.js': node, onnxruntime, ...peers }).map(
    ([name, version]) => `${name} ${version}`,
  );
  return table(
    ['Machine', ''],
    [
      ['Processor', `${cpu}, ${cores} cores, ${threads} threads`],
      ['Memory', `${(memoryBytes / GB).toFixed(0)} GB`],
      ['System', os],
      ['Versions', versions.join(', ')],
      ['Matrix products alone, cold', productRates(gemm)],
      ['Load before, at most', String(load)],
    ],
  );
}

/** What each part is. */
const PARTS = {
  'step-with-vector': 'LoRA, 8×96: a frozen vector beside what is trained',
  'step-protected': 'the same: the vector, and the anchor’s rows',
  'step-protected-refused': 'the same for a base that refuses',
  'step-recomputed': 'LoRA, 1×2048: `recompute`',
  'step-accumulated': 'full fine-tuning, 4×128: two micro-batches, whose gradients are added up',
  'step-256k-vocabulary': 'LoRA, 4×1024: a vocabulary of 262,144 in place of 49,152',
};
function partsText(parts, named) {
  return table(
    ['', 'part', 'with', 'without', 'times', 'memory with', 'without'],
    parts.map((r) => {
      const memory = named.get(memoryName(r.name));
      const both = [memory?.ours ?? null, memory?.theirs ?? null].map((bytes) => value(bytes, 'bytes'));
      const times = ratio(figure('times', r));
      return [code(r.name), PARTS[r.name], value(r.ours, r.unit), value(r.theirs, r.unit), times, ...both];
    }),
  );
}

/** What a goal is about. @param named all results, for the memory of a part beyond that of the weights */
function figure(of, result, named) {
  if (result === undefined || result.ours === null) return null;
  if (of === 'times') return result.theirs === null ? null : result.ours / result.theirs;
  if (of !== 'more') return result[of] ?? null;
  const memory = named.get(memoryName(result.name));
  return memory?.theirs ? memory.ours - memory.theirs - result.weightBytes : null;
}
const GOAL_TEXT = {
  ratio: 'against the peer',
  gemmShare: 'share of the GEMM limit',
  times: 'times as long as without it',
  more: 'memory beyond that of the weights',
};
/** What was aimed at, and whether it was reached. */
function goalsText(named) {
  const rows = GOALS.map(({ name, of, least, most }) => {
    const result = named.get(name);
    const found = figure(of, result, named);
    const unit = of === 'ours' ? result?.unit : of === 'more' ? 'bytes' : of;
    const text = (n) =>
      of === 'gemmShare' || unit === 'relative error'
        ? percent(n)
        : unit === 'bytes' || unit?.startsWith('ms')
          ? value(n, unit)
          : n.toFixed(2);
    const reached =
      found === null ? 'not measured' : (least === undefined ? found <= most : found >= least) ? 'yes' : '**no**';
    return [
      code(name),
      GOAL_TEXT[of] ?? '',
      least === undefined ? `≤ ${text(most)}` : `≥ ${text(least)}`,
      found === null ? '–' : text(found),
      reached,
      of === 'ratio' && found !== null && result.gemmShare ? text(found / result.gemmShare) : '',
    ];
  });
  return `
## Goals

At the limit: what the ratio would be if nothing of a step took time but its matrix products, at onnxruntime's rate. Where that is below the goal, only
faster products would reach it.

${table(['', 'of', 'goal', 'measured', 'reached', 'at the limit'], rows)}
`;
}

/** How time and memory of a step grow. */
function curvesText(curves) {
  const rows = curves.flatMap(({ name, points }) => {
    const { title } = CURVES.find((curve) => curve.name === name);
    return points.map((point, i) => {
      const growth = (of) => (i === 0 ? '–' : exponent(points[i - 1], point, of).toFixed(2));
      const values = [
        value(point.cpuMs, 'ms/step'),
        growth('cpuMs'),
        value(point.peakBytes, 'bytes'),
        growth('peakBytes'),
      ];
      return [i === 0 ? title : '', String(point.size), ...values];
    });
  });
  return `
## Curves

A LoRA step of the shape of \`train-lora-135m\` (4×128, rank 8, 30 layers, one adapter) with one size changed. Time is processor
time, which still varies with what else the machine does. The scaling exponent is that between two sizes: 1 is linear, 2 quadratic.

${table(['', 'size', 'time', 'exponent', 'memory', 'exponent'], rows)}
`;
}

/** Operators that take together this share of a step; the rest is one row. */
const SHOWN = 0.98;
function profileText(profile) {
  const all = profile.reduce((sum, { ms }) => sum + ms, 0);
  let sum = 0;
  const shown = profile.filter(({ ms }) => (sum += ms) - ms < SHOWN * all);
  const rest = profile.filter((entry) => !shown.includes(entry));
  const row = (name, ms, calls) => [name, `${number(ms)} ms`, percent(ms / all), String(calls)];
  const total = (key) => rest.reduce((n, entry) => n + entry[key], 0);
  return `
## Profile

One step of \`train-lora-135m\`, by onnxruntime's own clock.

${table(
  ['Operator', 'time', 'share', 'calls'],
  [
    ...shown.map(({ op, ms, calls }) => row(code(op), ms, calls)),
    ...(rest.length > 0 ? [row('others', total('ms'), total('calls'))] : []),
  ],
)}
`;
}

/** What the data sheets of some GPUs promise: operations in float32 and bytes of memory, a second. */
const GPUS = [
  { name: 'Apple M1 (8 cores)', flops: 2.6e12, bytes: 68e9 },
  { name: 'RTX 3060', flops: 12.7e12, bytes: 360e9 },
  { name: 'RTX 4090', flops: 82.6e12, bytes: 1008e9 },
];
function gpuText(steps) {
  const least = ({ flops, moved }, card) => Math.max(flops / card.flops, moved / card.bytes);
  return `
## On a GPU

Not measured: there was none. This is what a LoRA step on \`webgpu\` consists of, by its graph (\`node --import tsx test/bench/gpuWork.ts\`), and the
time that it needs at least at what the data sheets of some GPUs promise, whichever is longer, operations or memory. Each kernel takes
some microseconds more to start.

${table(
  ['shape', 'batch', 'weights', 'kernels', 'operations', 'bytes moved', ...GPUS.map(({ name }) => name)],
  steps.map((step) => [
    ...[code(step.shape), `${step.rows}×${step.tokens}`, value(step.weightBytes, 'bytes'), String(step.kernels)],
    ...[`${number(step.flops / 1e12)} TFLOP`, value(step.moved, 'bytes')],
    ...GPUS.map((card) => `${number(Number(least(step, card).toPrecision(2)))} s`),
  ]),
)}
`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [report = path.join(folder, 'results.json'), target = path.join(folder, '../../docs/performance.md')] =
    process.argv.slice(2);
  const text = page(JSON.parse(readFileSync(report, 'utf8')), readFileSync(path.join(folder, 'tried.md'), 'utf8'));
  writeFileSync(target, text);
  console.log(target);
}
