/** docs/performance.md is made from a report of the benchmarks: what stands on the page is what the report says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const folder = join(import.meta.dirname, '../bench');
const { page } = (await import(join(folder, 'page.mjs'))) as { page: (report: object, tried: string) => string };
const { benchmarks, ESTIMATE, memoryName, FURTHER } = (await import(join(folder, 'benchmarks.mjs'))) as {
  benchmarks: Record<string, { script: string; part?: boolean; result: { unit: string } }>;
  ESTIMATE: string;
  memoryName: (name: string) => string;
  FURTHER: readonly { name: string; unit: string }[];
};
const { CURVES } = (await import(join(folder, 'curves.mjs'))) as {
  CURVES: readonly { name: string; title: string; at: number[] }[];
};
const results = (await import(join(folder, 'results.mjs'))) as {
  compared: (name: string, result: object, peer: string, runs: object) => { ours: number | null; ratio: number | null };
  gemmShare: (lines: object[], expected: { flops: number }) => number | null;
  memoryOf: (name: string, peer: string, runs: object, expected: object) => { name: string; error: number };
  estimateOf: (name: string, results: object[], of?: string) => { ours: number | null };
  timeOf: (result: { ours: number | null }, expected: { stepMs: number }) => object;
  operators: (events: object[]) => object[];
};

const runs = {
  ours: [
    { bestStepMs: 900, peakBytes: 2e9, gemmRate: 400e9 },
    { bestStepMs: 1000, peakBytes: 1.8e9, gemmRate: 400e9 },
  ],
  theirs: [{ bestStepMs: 1800, peakBytes: 3.6e9 }],
};

test('the best of both sides is compared, in the direction that is better', () => {
  const unit = { unit: 'ms/step', of: 'bestStepMs' };
  assert.deepEqual(
    [results.compared('a', unit, 'peft', runs).ours, results.compared('a', unit, 'peft', runs).ratio],
    [900, 2],
  );
  const rate = { unit: 'tokens/s', of: 'bestStepMs', higherIsBetter: true };
  assert.equal(results.compared('a', rate, 'peft', runs).ratio, 0.556);
  assert.equal(results.compared('a', unit, 'peft', { ours: [], theirs: [] }).ours, null);
});

test('the GEMM share is the time at the limit over the time taken; estimates are judged by the peak and by the step', () => {
  assert.equal(results.gemmShare(runs.ours, { flops: 180e9 }), 0.5);
  const memory = results.memoryOf('train-a', 'peft', runs, { bytes: 1.98e9 });
  assert.deepEqual([memory.name, memory.error], [memoryName('train-a'), 0.1]);
  assert.equal(results.estimateOf(ESTIMATE, [{ error: 0.02 }, {}, { error: 0.1 }]).ours, 0.1);
  const time = results.timeOf({ ours: 900 }, { stepMs: 1080 });
  assert.deepEqual(time, { expectedMs: 1080, timeError: 0.2 });
  assert.deepEqual(results.timeOf({ ours: null }, { stepMs: 1080 }), {});
  assert.equal(results.estimateOf(ESTIMATE, [time, { error: 0.3 }], 'timeError').ours, 0.2);
});

test('the profile counts the kernels of the fastest step by operator, those of a body once, the slowest operator first', () => {
  const node = (op: string, ts: number, dur: number) => ({
    ...{ cat: 'Node', name: `${op}_1_kernel_time`, ts, dur, args: { op_name: op } },
  });
  const step = (ts: number, dur: number) => ({ cat: 'Session', name: 'model_run', ts, dur });
  const events = [
    ...[step(0, 90_000), node('Gemm', 10, 80_000)],
    ...[step(100_000, 20_000), node('Mul', 100_100, 1000), node('Gemm', 102_000, 4000), node('Add', 119_000, 500)],
    ...[
      node('Scan', 107_000, 9000),
      node('Gemm', 107_000, 3000),
      node('Mul', 111_000, 2000),
      node('Add', 113_000, 3000),
    ],
  ];
  assert.deepEqual(
    results.operators(events),
    [
      { op: 'Gemm', ms: 7, calls: 2 },
      { op: 'Scan', ms: 1, calls: 1 },
      { op: 'Mul', ms: 3, calls: 2 },
      { op: 'Add', ms: 3.5, calls: 2 },
    ].sort((a, b) => b.ms - a.ms),
  );
});

test('the page has every result of the report, and the machine', () => {
  const of = (name: string, unit: string, more = {}) => ({
    ...{ name, ours: 1234, peer: 'peft', theirs: 2468, ratio: 2, unit },
    ...more,
  });
  const all = Object.entries(benchmarks).flatMap(([name, { script, part, result }]) =>
    part
      ? [
          of(name, result.unit, { ours: 1500, theirs: 1200, weightBytes: 4e8 }),
          of(memoryName(name), 'bytes', { ours: 3e9, theirs: 2e9 }),
        ]
      : script === 'step'
        ? [
            of(name, result.unit, { gemmShare: 0.81 }),
            of(memoryName(name), 'bytes', { ours: 1.76e9, expected: 1.8e9, error: 0.023 }),
          ]
        : [of(name, result.unit)],
  );
  const report = {
    machine: {
      ...{ cpu: 'a processor', cores: 2, threads: 2, memoryBytes: 24e9, load: 0.1, os: 'Linux', node: 'v20' },
      ...{ onnxruntime: '1.30.0', peers: { torch: '2.15.0' }, gemm: { onnxruntime: 301, torch: 322 } },
    },
    elsewhere: { 'another processor': { onnxruntime: 250, torch: 260 } },
    results: [
      ...all,
      ...FURTHER.map(({ name, unit }) => of(name, unit, { machine: 'another processor' })),
      of(ESTIMATE, 'relative error', { ours: 0.023 }),
    ],
    profile: [{ op: 'Gemm', ms: 900, calls: 480 }],
    curves: CURVES.map(({ name, at }) => ({
      name,
      points: at.map((size) => ({ size, cpuMs: 3 * size, peakBytes: 1e6 * size ** 2 })),
    })),
  };
  const text = page(report, readFileSync(join(folder, 'tried.md'), 'utf8'));
  const onPage = report.results.filter(({ name }) => !name.startsWith('estimate-') && !name.startsWith('memory-step-'));
  for (const { name } of onPage) assert.ok(text.includes(`\`${name}\``), name);
  assert.match(text, /`step-protected` \|[^|]*\| 1\.5 s \| 1\.2 s \| 1\.25 \| 3\.00 GB \| 2\.00 GB/);
  assert.match(text, /`step-with-vector` \|[^|]*\| ≤ 1\.15 \| 1\.25 \| \*\*no\*\*/);
  for (const part of [
    'a processor',
    '301 GFLOP/s',
    '322 GFLOP/s',
    '81 %',
    '1.76 GB',
    '1.23 s',
    '`Gemm`',
    '2 %',
    'another processor; matrix products alone: onnxruntime 250',
  ])
    assert.ok(text.includes(part), part);
  for (const { title } of CURVES) assert.ok(text.includes(`| ${title} |`), title);
  // in proportion, and with the square
  assert.match(text, /\| 1\.00 \|[^|]*\| 2\.00 \|/);
  assert.doesNotMatch(text, /undefined|NaN|null/);
});

test('the fixed names of the benchmarks are there', () => {
  const fixed = [
    ...['train-lora-135m', 'train-lora-135m-1x2048', 'train-lora-135m-1x8192', 'train-lora-0.5b', 'train-lora-1b'],
    'train-lora-1.5b-int4',
    ...[
      'train-full-135m',
      'generate-135m-1',
      'generate-135m-16',
      'generate-0.5b-1',
      'generate-q4_1-1',
      'generate-q4_1-16',
    ],
  ];
  assert.deepEqual(
    fixed.filter((name) => !(name in benchmarks)),
    [],
  );
  assert.deepEqual([FURTHER[0]!.name, ESTIMATE], ['start-135m', 'estimate-memory']);
});

test('docs/performance.md is made from the results that are kept', () => {
  const kept = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const made = page(JSON.parse(kept('results.json')) as object, kept('tried.md'));
  assert.equal(readFileSync(join(folder, '../../docs/performance.md'), 'utf8'), made);
});
