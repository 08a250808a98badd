import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { openBackend } from '../../runtime/device/openBackend.js';
import { cli, FEW_ROWS, jsonLines, sampleWorkspace } from '../calls/support.js';
import { sampleIn16Bits } from '../support/in16Bits.js';
import { program } from '../support/program.js';
import { FAMILIES } from '../support/reference.js';
import { vulkanEnv } from '../support/vulkan.js';

interface Steps {
  losses: number[];
  norms: number[];
  /** Of the last batch in pieces; null for weights in blocks. */
  pieces: null | { loss: number; norm: number; nll: number[] };
  answers: number[][];
  device: Record<string, number>;
  cpu: Record<string, number>;
}

const script = program('test/support/vectorSteps.ts');
const steps = (device: string, env: NodeJS.ProcessEnv, precision = 'float32', ...model: string[]): Steps =>
  JSON.parse(
    execFileSync(process.execPath, [...script.execArgv, script.file, device, precision, ...model], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );

/**
 * Nodes that may run on the CPU: they compute shapes and positions, a few numbers each; Cos and Sin for their
 * precision.
 */
const SMALL = [
  'Shape',
  'Concat',
  'Mul',
  'Range',
  'Squeeze',
  'Unsqueeze',
  'Gather',
  'Cast',
  'Reshape',
  'Expand',
  'Add',
  'LessOrEqual',
  'And',
  'Where',
  'Sub',
  'Cos',
  'Sin',
];

function comparePieces(cpu: NonNullable<Steps['pieces']>, gpu: NonNullable<Steps['pieces']>): void {
  assert.equal(gpu.nll.length, cpu.nll.length);
  assert.ok(Math.abs(cpu.loss - gpu.loss) < 1e-5, `in pieces ${cpu.loss}, ${gpu.loss}`);
  assert.ok(Math.abs(cpu.norm / gpu.norm - 1) < 1e-3, `${cpu.norm}, ${gpu.norm}`);
  cpu.nll.forEach((nll, i) =>
    assert.ok(Math.abs(nll - gpu.nll[i]!) < 1e-4, `row ${i} in pieces: ${nll}, ${gpu.nll[i]}`),
  );
}

/** @throws AssertionError unless losses, norms of the gradients and places of the nodes are as they should be */
function compare(cpu: Steps, gpu: Steps, t: TestContext): void {
  cpu.losses.forEach((loss, i) =>
    assert.ok(Math.abs(loss - gpu.losses[i]!) < 1e-5, `step ${i + 1}: ${loss} on the CPU, ${gpu.losses[i]} on webgpu`),
  );
  const trained = cpu.losses.slice(0, cpu.norms.length);
  assert.ok(trained.at(-1)! < (trained.length < 5 ? 1 : 0.7) * trained[0]!, `the loss falls: ${trained.join(', ')}`);
  cpu.norms.forEach((norm, i) =>
    assert.ok(
      Math.abs(norm / gpu.norms[i]! - 1) < 1e-3,
      `step ${i + 1}: gradient norm ${norm} on the CPU, ${gpu.norms[i]} on webgpu`,
    ),
  );
  if (cpu.pieces && gpu.pieces) comparePieces(cpu.pieces, gpu.pieces);
  else assert.deepEqual([cpu.pieces, gpu.pieces], [null, null]);
  t.diagnostic(
    `on the CPU while training on webgpu: ${
      Object.entries(gpu.cpu)
        .map(([op, n]) => `${op} ×${n}`)
        .join(', ') || 'nothing'
    }`,
  );
  for (const op of Object.keys(gpu.cpu)) assert.ok(SMALL.includes(op), `${op} runs on the CPU`);
}

it('five steps of vector training on webgpu give the losses of the CPU within 1e-5; weights in 16 bits are converted in none of them', async (t) => {
  const env = await vulkanEnv();
  if (!env) return t.skip('no Vulkan driver: run node test/vscode/host/setup.mjs');
  const dir = await mkdtemp(join(tmpdir(), 'webgpu-'));
  try {
    const model = await sampleIn16Bits(dir, 'BF16', 'F16');
    const cpu = steps('cpu', process.env, 'float32', model);
    const gpu = steps('webgpu', env, 'float32', model);
    compare(cpu, gpu, t);
    assert.deepEqual(gpu.answers, cpu.answers);
    const casts = (gpu.device.Cast ?? 0) + gpu.cpu.Cast!;
    assert.ok(casts <= 2, `${casts} casts: weights are converted in each step`);
  } finally {
    await rm(dir, { recursive: true });
  }
});

/**
 * How many steps each family makes. Where it is given, whole runs are made too: on a driver in software all this takes
 * ten minutes.
 */
const LONG = process.env['WEBGPU_STEPS'];
const FAMILY_STEPS = LONG ?? '1';

it('every family trains on webgpu as on the CPU', async (t) => {
  const env = await vulkanEnv();
  if (!env) return t.skip('no Vulkan driver: run node test/vscode/host/setup.mjs');
  const { execArgv, file } = program('test/support/familySteps.ts');
  const printed = execFileSync(process.execPath, [...execArgv, file, FAMILY_STEPS], { env, encoding: 'utf8' });
  const found = jsonLines<Record<'cpu' | 'webgpu', number[]> & { family: string }>(printed);
  assert.deepEqual(
    found.map(({ family }) => family),
    FAMILIES,
  );
  let largest = 0;
  for (const { family, cpu, webgpu } of found) {
    assert.equal(webgpu.length, cpu.length);
    const off = Math.max(...cpu.map((loss, i) => Math.abs(loss - webgpu[i]!)));
    assert.ok(off < 1e-4, `${family}: ${cpu.join(', ')} on the CPU, ${webgpu.join(', ')} on webgpu`);
    largest = Math.max(largest, off);
  }
  t.diagnostic(`largest difference of a loss over ${FAMILY_STEPS} steps: ${largest.toExponential(1)} nats`);
});

it('a vector and a protected run on webgpu go as on the CPU, from the first batch to the verdict', async (t) => {
  if (LONG === undefined) return t.skip('long: WEBGPU_STEPS is not given');
  const env = await vulkanEnv();
  if (!env) return t.skip('no Vulkan driver: run node test/vscode/host/setup.mjs');
  const workspace = await sampleWorkspace();
  t.after(() => workspace.remove());
  const evaluate = [{ name: 'forbidden topic', file: '../eval/forbidden.jsonl', measure: 'harm', limit: 4 }];
  const few = { epochs: undefined, steps: 3, batch: { rows: 4 }, optimizer: { learningRate: 0.01 } };
  const vector = await workspace.recipe('vector.json', { ...few, ...FEW_ROWS });
  const data = { file: '../data/train.jsonl', limit: 24 };
  const tuning = await workspace.recipe('protected.json', {
    ...few,
    data,
    evaluate,
    probes: {},
    generation: { maxNewTokens: 8 },
  });
  const said: Record<string, unknown[]> = {};
  for (const device of ['cpu', 'webgpu'])
    for (const recipe of [vector, tuning]) {
      const ran = await cli(['train', recipe, '--device', device, '--force'], { env });
      assert.ok(ran.code === 0 || ran.code === 4, ran.stderr);
      const { output } = JSON.parse(await readFile(recipe, 'utf8')) as { output: string };
      const events = jsonLines<Record<string, unknown>>(
        await readFile(join(recipe, '..', output, 'events.jsonl'), 'utf8'),
      );
      (said[device] ??= []).push(...events.filter(({ kind }) => kind === 'step'));
    }
  const losses = (device: string): number[] =>
    said[device]!.map((event) => (event as { lossNatsPerToken: number }).lossNatsPerToken);
  assert.equal(losses('cpu').length, 6);
  losses('cpu').forEach((loss, i) =>
    assert.ok(Math.abs(loss - losses('webgpu')[i]!) < 1e-4, `step ${i + 1}: ${loss}, ${losses('webgpu')[i]}`),
  );
});

for (const precision of ['int8', 'int4'])
  it(`with a base in ${precision}, too, which is dequantised on webgpu`, async (t) => {
    const env = await vulkanEnv();
    if (!env) return t.skip('no Vulkan driver: run node test/vscode/host/setup.mjs');
    compare(steps('cpu', process.env, precision), steps('webgpu', env, precision), t);
  });

it('blocks with minimums are dequantised, multiplied and read by rows on webgpu as on the CPU', async (t) => {
  const env = await vulkanEnv();
  if (!env) return t.skip('no Vulkan driver: run node test/vscode/host/setup.mjs');
  type Values = Record<'products' | 'rows', number[]>;
  const { execArgv, file } = program('test/support/blockValues.ts');
  const [cpu, gpu] = [process.env, env].map((own, i): Record<'dequantised' | 'blocks', Values> =>
    JSON.parse(
      execFileSync(process.execPath, [...execArgv, file, ['cpu', 'webgpu'][i]!], { env: own, encoding: 'utf8' }),
    ),
  );
  const compared: [number[], number[]][] = [
    [cpu!.dequantised.products, gpu!.dequantised.products],
    [cpu!.dequantised.rows, gpu!.dequantised.rows],
    // the CPU rounds inputs of products with blocks, a GPU does not
    [cpu!.dequantised.products, gpu!.blocks.products],
  ];
  for (const [wanted, found] of compared) {
    assert.equal(found.length, wanted.length);
    found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]!) < 1e-5, `${i}: ${value}, not ${wanted[i]}`));
  }
});

it('a batch that is too large for the GPU is called so, in plain words', async (t) => {
  const env = await vulkanEnv();
  if (!env) return t.skip('no Vulkan driver: run node test/vscode/host/setup.mjs');
  const here = (file: string): string => JSON.stringify(new URL(`../../runtime/${file}`, import.meta.url).href);
  // 40,000 × 40,000 numbers are 6.4 GB: more than a buffer may have
  const code = `const { float32 } = await import(${here('device/session.ts')});
    const { openBackend } = await import(${here('device/openBackend.ts')});
    const { Builder } = await import(${here('onnx/graph.ts')});
    const { MatMul } = await import(${here('onnx/ops.ts')});
    const n = 40000;
    const g = new Builder('large');
    g.outputAs('y', MatMul(g, g.input('a', 'float32', [n, 1]), g.input('b', 'float32', [1, n])));
    const session = await (await openBackend('webgpu')).session(g.graph(), { keep: ['y'] });
    const feeds = { a: float32(new Float32Array(n), [n, 1]), b: float32(new Float32Array(n), [1, n]) };
    await session.run(feeds).then(() => console.log('it has room'), (e) => console.log(e.name + ': ' + e.message));`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', code];
  const { stdout } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  assert.equal(stdout, 'HumanError: the GPU (WebGPU) has too little memory.\n');
});

it('auto leaves a driver in software alone: it says how slow it is and takes the CPU', async (t) => {
  const env = await vulkanEnv();
  if (!env) return t.skip('no Vulkan driver: run node test/vscode/host/setup.mjs');
  const device = new URL('../../runtime/device/openBackend.ts', import.meta.url).href;
  const code = `const { openBackend } = await import(${JSON.stringify(device)});
    for (const device of ['auto', 'webgpu']) { const b = await openBackend(device); console.log(b.device + ': ' + b.reason); }`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', code];
  const said = execFileSync(process.execPath, args, { env: { ...process.env, ...env }, encoding: 'utf8' });
  assert.match(
    said,
    /^cpu: a GPU answers through WebGPU: a training step of a model of 135 million weights would take about \d.* there, \d.* on the CPU\nwebgpu: undefined\n$/,
  );
});

it('auto falls back to the CPU with the reason where there is no GPU', async (t) => {
  const backend = await openBackend('auto');
  if (backend.device === 'webgpu') return t.skip('there is a GPU');
  assert.match(backend.reason ?? '', /^no GPU: /);
  await assert.rejects(openBackend('webgpu'), { name: 'HumanError', message: /WebGPU is not available/ });
});

it('a device that is not there is refused by its name, and nothing is printed past us', (t) => {
  const device = new URL('../../runtime/device/openBackend.ts', import.meta.url).href;
  const code = `const { openBackend } = await import(${JSON.stringify(device)});
    for (const device of ['cuda', 'dml'])
      await openBackend(device).then(() => console.log('there'), (e) => console.log(e.message, '|', e.place, '|', e.remedy));`;
  const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], { encoding: 'utf8' });
  const [cuda, dml] = run.stdout.trim().split('\n');
  if (/^there/m.test(run.stdout)) return t.skip('there is one');
  assert.match(
    cuda!,
    /^CUDA is not available: (\S*onnxruntime_providers_cuda\S* is not in |CUDA ).*\. \| device \| Put the CUDA/,
  );
  assert.match(
    dml!,
    /^DirectML is not available: DirectML (is for Windows|finds no GPU)\. \| device \| Use "device": "auto"\.$/,
  );
  assert.equal(run.stderr, '');
});
