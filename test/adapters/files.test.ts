import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { formatAdapterConfig, parseAdapterConfig } from '../../runtime/adapters/adapterConfig.js';
import { readAdapter, writeAdapter } from '../../runtime/adapters/files.js';
import { fullMatches, patternValues, targeted } from '../../runtime/adapters/peftPatterns.js';
import { bytesOf, readFloat32, readSafetensors, writeSafetensors } from '../../runtime/models/weights/safetensors.js';
import { claim } from '../../runtime/runs/owner.js';
import { processorTime } from '../support/processorTime.js';
import { adapterWith, human, plain } from './support.js';

const REFERENCE = join(import.meta.dirname, '..', 'fixtures', 'reference');
const LLAMA = join(REFERENCE, 'llama');

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'adapters-'));
});
after(() => rm(dir, { recursive: true }));

const manifestOf = (kind: string, outcome: string): object => ({
  ...{ version: 1, kind, name: 'r', outcome, started: '2026-01-01T00:00:00Z', device: 'cpu', data: [], vectors: [] },
  model: { path: 'm', architecture: 'a', sha256: 'x' },
});

async function families(): Promise<string[]> {
  const names = (await readdir(REFERENCE)).sort();
  return names.filter((name) => existsSync(join(REFERENCE, name, 'adapters')));
}

test('every reference adapter is read: all matrices, their scale, the flag of Conv1D', async () => {
  let count = 0;
  for (const family of await families()) {
    for (const name of await readdir(join(REFERENCE, family, 'adapters'))) {
      const path = join(REFERENCE, family, 'adapters', name);
      const adapter = await readAdapter(path);
      const { tensors } = await readSafetensors(join(path, 'adapter_model.safetensors'));
      assert.equal(adapter.modules.size * 2, tensors.size);
      for (const [module, { A, B, aShape, bShape, scale }] of adapter.modules) {
        assert.deepEqual(A, await readFloat32(tensors.get(`base_model.model.${module}.lora_A.weight`)!));
        assert.deepEqual(B, await readFloat32(tensors.get(`base_model.model.${module}.lora_B.weight`)!));
        assert.equal(aShape[0] * aShape[1], A.length);
        assert.equal(bShape[0] * bShape[1], B.length);
        if (name === 'task') assert.equal(scale, 2);
        if (name === 'security') assert.equal(scale, 4);
      }
      assert.equal(adapter.role, 'task');
      if (family === 'gpt2') assert.equal(adapter.config.fanInFanOut, name !== 'task_fiof_false');
      count++;
    }
  }
  assert(count >= 20, `${count} adapters`);
});

test('rsLoRA with rank and alpha patterns: the scale of each module', async () => {
  const { modules } = await readAdapter(join(LLAMA, 'adapters', 'rslora'));
  assert.equal(modules.get('model.layers.0.self_attn.q_proj')!.scale, 8 / Math.sqrt(4));
  assert.equal(modules.get('model.layers.1.self_attn.q_proj')!.scale, 12 / Math.sqrt(6));
  assert.equal(modules.get('model.layers.1.self_attn.q_proj')!.aShape[0], 6);
});

test('what is written is read again, with role and provenance; a task adapter has no role by accident', async () => {
  const from = await readAdapter(join(LLAMA, 'adapters', 'rslora'));
  const path = join(dir, 'written');
  const provenance = { name: 'forbidden', baseModel: { name: 'tiny', architecture: 'llama', sha256: 'ab' } };
  await writeAdapter(path, { config: from.config, role: 'security', provenance, modules: from.modules });
  const back = await readAdapter(path);
  assert.deepEqual(back.modules, from.modules);
  assert.deepEqual(back.config, from.config);
  assert.equal(back.role, 'security');
  assert.deepEqual(back.provenance, provenance);
  assert.deepEqual((await readdir(path)).sort(), [
    'adapter_config.json',
    'adapter_model.safetensors',
    'security_vector.json',
  ]);
  const { metadata } = await readSafetensors(join(path, 'adapter_model.safetensors'));
  assert.deepEqual(metadata, { format: 'pt', role: 'security' });
  // a run folder means the adapter in it
  await cp(path, join(dir, 'run', 'adapter'), { recursive: true });
  assert.equal((await readAdapter(join(dir, 'run'))).path, join(dir, 'run', 'adapter'));
  await writeFile(join(path, 'security_vector.json'), '{"role":"securty"}');
  await assert.rejects(readAdapter(path), human(/"role" is "securty"/));
});

test('a vector is one without its security_vector.json, too', async () => {
  const { config, modules } = await readAdapter(join(LLAMA, 'adapters', 'security'));
  for (const role of ['security', 'task'] as const) {
    const path = join(dir, `marked-${role}`);
    await writeAdapter(path, { config, role, modules });
    await rm(join(path, 'security_vector.json'));
    assert.equal((await readAdapter(path)).role, role);
  }
});

test('patterns and "all-linear" are written as lists that target the same modules', async () => {
  const { config, modules } = await readAdapter(join(LLAMA, 'adapters', 'security'));
  const write = async (targetModules: string | string[]) => {
    await writeAdapter(join(dir, 'targets'), { config: { ...config, targetModules }, role: 'task', modules });
    return JSON.parse(await readFile(join(dir, 'targets', 'adapter_config.json'), 'utf8')).target_modules as unknown;
  };
  assert.deepEqual(await write('all-linear'), ['down_proj', 'k_proj', 'q_proj', 'v_proj']);
  assert.deepEqual(await write('.*'), [...modules.keys()].sort());
  await assert.rejects(write(['q_proj']), /is not targeted/);
  await assert.rejects(
    writeAdapter(join(dir, 'targets'), { config: { ...config, rank: 8 }, role: 'task', modules }),
    /not of rank 8/,
  );
});

test('rank and alpha patterns match as in PEFT: whole name or its end behind a dot, first key wins', () => {
  const names = ['model.layers.1.self_attn.q_proj', 'model.layers.11.self_attn.q_proj', 'q_proj', 'xq_proj'];
  const values = (patterns: Record<string, number>) => patternValues(patterns, names, 'test');
  assert.deepEqual(values({ q_proj: 2 }), [2, 2, 2, undefined]);
  assert.deepEqual(values({ 'layers.1.self_attn.q_proj': 3, q_proj: 2 }), [3, 2, 2, undefined]);
  assert.deepEqual(values({ '^q_proj': 5 }), [undefined, undefined, 5, undefined]);
  assert.deepEqual(values({ 'layers\\.\\d\\..*|xq_proj': 6 }), [6, undefined, undefined, 6]);
});

test('target_modules match as in PEFT', () => {
  const names = [
    'model.layers.0.mlp.up_proj',
    'model.layers.1.mlp.up_proj',
    'model.layers.1.x.3.up_proj',
    'group_proj',
    'up_proj',
  ];
  const match = (targets: Parameters<typeof targeted>[0]) => targeted(targets, names, 'test');
  assert.deepEqual(match({ targetModules: ['up_proj'] }), [true, true, true, false, true]);
  assert.deepEqual(match({ targetModules: '.*mlp\\.(?P<name>up)_proj' }), [true, true, false, false, false]);
  assert.deepEqual(match({ targetModules: ['up_proj'], excludeModules: ['mlp.up_proj'] }), [
    false,
    false,
    true,
    false,
    true,
  ]);
  assert.deepEqual(match({ targetModules: 'All-Linear', excludeModules: '.*\\.1\\..*' }), [
    true,
    false,
    false,
    true,
    true,
  ]);
  assert.deepEqual(match({ targetModules: ['up_proj'], layersToTransform: [1] }), [false, true, true, false, true]);
  assert.deepEqual(match({ targetModules: ['up_proj'], layersToTransform: [3], layersPattern: ['x'] }), [
    false,
    false,
    true,
    false,
    true,
  ]);
});

test('a pattern that backtracks without end is stopped', () => {
  const computed = processorTime();
  assert.throws(() => fullMatches('((a+)+)b', ['a'.repeat(60)], 'p'), human(/takes too long/));
  const long = Array.from({ length: 40 }, (_, i) => `model.layers.${i}.${'a.b'.repeat(70)}.q_proj`);
  for (const pattern of ['.*.*.*.*#', '\\w*\\w*\\w*\\w*\\w*.*.*.*#'])
    try {
      fullMatches(pattern, long, 'p');
    } catch (error) {
      assert.match(String(error), /^HumanError: .*takes too long/);
    }
  assert.throws(() => fullMatches('\\Z', ['a'], 'p'), human(/not a regular expression/));
  assert.throws(() => fullMatches('(', ['a'], 'p'), human(/not a regular expression/));
  assert.deepEqual(fullMatches('a\\-b\\_[\\-c]', ['a-b_-', 'a-b_d'], 'p'), [true, false]);
  assert(computed() < 5000);
});

test('what is not plain LoRA is refused by name, unknown keys included', () => {
  const parse = (more: object) => parseAdapterConfig({ ...formatAdapterConfig(plain), ...more }, 'adapter_config.json');
  const refused = (more: object, message: RegExp) => assert.throws(() => parse(more), human(message));
  assert.equal(parse({ new_key: null, other: false, more: {}, and: [] }).rank, 4);
  assert.equal(parse({ lora_dtype: null, lorap_lr_ratio: 16, lorap_emb_lr: 1e-6 }).rank, 4);
  assert.equal(parse({ init_lora_weights: 'eva', eva_config: { rho: 2 } }).alpha, 8);
  refused({ peft_type: 'IA3' }, /"IA3"; only LORA/);
  refused({ use_dora: true }, /"use_dora" is true: DoRA/);
  refused({ bias: 'all' }, /biases \("bias": "all"\)/);
  refused({ modules_to_save: ['lm_head'] }, /modules_to_save/);
  refused({ lora_bias: true }, /lora_bias/);
  refused({ target_parameters: ['experts.gate'] }, /target_parameters/);
  refused({ trainable_token_indices: [1] }, /trainable_token_indices/);
  refused({ layer_replication: [[0, 1]] }, /layer_replication/);
  refused({ alora_invocation_tokens: [5] }, /alora_invocation_tokens/);
  refused({ new_key: 3 }, /"new_key" is unknown and set to 3/);
  for (const init of ['pissa', 'pissa_niter_4', 'olora', 'corda', 'loftq', 'lora_ga', 'newest'])
    refused({ init_lora_weights: init }, /changed base weights/);
  refused({ r: 0 }, /"r" is 0/);
  refused({ r: '4' }, /"r" is "4"/);
  refused({ lora_alpha: null }, /"lora_alpha" is null/);
  refused({ target_modules: null }, /"target_modules" is missing/);
  refused({ target_modules: [3] }, /"target_modules"/);
  refused({ rank_pattern: { q_proj: 1.5 } }, /"rank_pattern"/);
  refused({ alpha_pattern: [1] }, /"alpha_pattern"/);
  refused({ use_rslora: 'yes' }, /"use_rslora"/);
  refused({ layers_to_transform: [-1] }, /"layers_to_transform"/);
  refused({ target_modules: 'q_proj', layers_to_transform: [1] }, /go with a list/);
});

test('a dropout that is switched off is none, however it is written; what is no number is refused', () => {
  const parse = (dropout: unknown) =>
    parseAdapterConfig({ ...formatAdapterConfig(plain), lora_dropout: dropout }, 'adapter_config.json');
  for (const off of [undefined, null, false, '', [], {}]) {
    assert.equal(parse(off).dropout, undefined);
    assert.equal(formatAdapterConfig(parse(off)).lora_dropout, 0);
  }
  assert.equal(parse(0.1).dropout, 0.1);
  assert.throws(() => parse('0.1'), human(/"lora_dropout" is "0.1"/));
});

test('weights that do not belong to the config are refused', async () => {
  const at = (side: string) => `base_model.model.layers.0.q_proj.lora_${side}.weight`;
  const good = { [at('A')]: [4, 8], [at('B')]: [6, 4] };
  assert.equal((await readAdapter(await adapterWith(dir, {}, good))).modules.size, 1);
  const old = { [at('A.default')]: [4, 8], [at('B.default')]: [6, 4] };
  assert.equal((await readAdapter(await adapterWith(dir, {}, old))).modules.size, 1);
  const refused = async (config: object, tensors: Record<string, number[]>, message: RegExp) => {
    const path = await adapterWith(dir, config, tensors);
    await assert.rejects(readAdapter(path), human(message));
  };
  await refused({ target_modules: ['v_proj'] }, good, /does not target/);
  await refused({ exclude_modules: ['q_proj'] }, good, /does not target/);
  await refused({ r: 8 }, good, /rank 8/);
  await refused({}, { ...good, ...old }, /twice/);
  await refused({}, { [at('A')]: [4, 8] }, /matrix B of layers.0.q_proj is missing/);
  await refused({}, { [at('A')]: [4, 8, 1], [at('B')]: [6, 4] }, /two dimensions/);
  await refused({}, {}, /no LoRA matrices/);
  await refused({}, { ...good, 'base_model.model.embed.lora_embedding_A': [4, 8] }, /LoRA on an embedding/);
  await refused({}, { ...good, 'base_model.model.layers.0.q_proj.lora_magnitude_vector': [6] }, /DoRA/);
  await refused({}, { ...good, 'base_model.model.layers.0.q_proj.lora_B.bias': [6] }, /bias on LoRA/);
  await refused({}, { ...good, 'base_model.model.lm_head.modules_to_save.weight': [6] }, /whole layer/);
  await refused(
    {},
    { ...good, 'base_model.model.lm_head.base_layer.weight': [9, 8] },
    /LoRA on the vocabulary projection/,
  );
  const head = { 'base_model.model.lm_head.lora_A.weight': [4, 8], 'base_model.model.lm_head.lora_B.weight': [9, 4] };
  await refused({ target_modules: ['q_proj', 'lm_head'] }, { ...good, ...head }, /LoRA on the vocabulary projection/);
  await refused({}, { ...good, 'base_model.model.model.embed_tokens.weight': [9, 8] }, /weights of a layer besides/);
  await refused({}, { ...good, 'something.else': [6] }, /not that of a LoRA matrix/);
});

test('a matrix with a value that is not a number is refused', async () => {
  const names = ['A', 'B'].map((side) => `base_model.model.layers.0.q_proj.lora_${side}.weight`);
  const path = await adapterWith(dir, {}, { [names[0]!]: [4, 8], [names[1]!]: [6, 4] });
  const values = new Float32Array(24);
  values[5] = NaN;
  const tensor = (name: string, shape: number[], data: Float32Array) => ({
    ...{ name, dtype: 'F32' as const, shape, bytes: data.byteLength },
    data: () => bytesOf(data),
  });
  await writeSafetensors(join(path, 'adapter_model.safetensors'), [
    tensor(names[0]!, [4, 8], new Float32Array(32)),
    tensor(names[1]!, [6, 4], values),
  ]);
  await assert.rejects(readAdapter(path), human(/not a number \(NaN\)/));
});

test('a config with many slow patterns is stopped as a whole', async () => {
  const slow = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`(?:a|[a]|.)*${'.*'.repeat(3)}${i}#`, 1]));
  const name = `base_model.model.${'a'.repeat(24)}.q_proj`;
  const path = await adapterWith(
    dir,
    { rank_pattern: slow },
    { [`${name}.lora_A.weight`]: [4, 8], [`${name}.lora_B.weight`]: [6, 4] },
  );
  const began = process.cpuUsage();
  await assert.rejects(readAdapter(path), human(/take too long to match|takes too long/));
  assert(process.cpuUsage(began).user < 1_500_000);
});

test('folders that are no adapter are refused with the way out', async () => {
  await assert.rejects(readAdapter(LLAMA), human(/no adapter_config.json/));
  const run = join(dir, 'without-adapter');
  const asRun = async (message: string, remedy: RegExp): Promise<void> =>
    assert.rejects(readAdapter(run), { message, remedy, place: run });
  await mkdir(join(run, 'checkpoint'), { recursive: true });
  await writeFile(join(run, 'manifest.json'), '{}');
  await asRun('this run was stopped before its end and has no adapter yet.', /train RECIPE --resume/);
  await rm(join(run, 'checkpoint'), { recursive: true });
  await asRun('this run has made no adapter.', /^Run its recipe again, or name another run/);
  await mkdir(join(run, 'model'));
  await asRun('this run trained the whole model, and has no adapter.', /its result is .*without-adapter.model/);
  await rm(join(run, 'model'), { recursive: true });
  const become = (kind: string, outcome: string): Promise<void> =>
    writeFile(join(run, 'manifest.json'), JSON.stringify(manifestOf(kind, outcome)));
  await become('evaluate', 'finished');
  await asRun('an evaluation has no adapter.', /^Name the folder of a vector or of a fine-tuning/);
  await become('sweep', 'finished');
  await asRun('a sweep has no adapter: its points have one each.', /^Name a run folder in .*without-adapter.points/);
  await become('vector', 'running');
  await mkdir(join(run, 'checkpoint'));
  const release = await claim(run);
  await asRun('this run is still at work and has no adapter yet.', /^Wait until it has ended/);
  await release();
  await asRun('this run was stopped before its end and has no adapter yet.', /train RECIPE --resume/);
  await become('vector', 'failed');
  await asRun(
    'this run has failed and has no adapter.',
    /^Correct what stopped it, and resume it: train RECIPE --resume/,
  );
  await rm(join(run, 'checkpoint'), { recursive: true });
  await asRun('this run has failed and has no adapter.', /^Run its recipe again, or name another run/);
  const path = join(dir, 'bin');
  await mkdir(path);
  await writeFile(join(path, 'adapter_config.json'), JSON.stringify(formatAdapterConfig(plain)));
  await assert.rejects(readAdapter(path), human(/no adapter_model.safetensors/));
});

const python = process.env.PEERS_PYTHON;
test(
  'PEFT loads what is written, with equal tensors and scales',
  { skip: python ? false : 'needs PEERS_PYTHON' },
  async () => {
    const script = join(import.meta.dirname, '..', 'peers', 'peft_load.py');
    const paths: string[] = [];
    const expected: object[] = [];
    for (const family of await families()) {
      for (const name of await readdir(join(REFERENCE, family, 'adapters'))) {
        const { config, modules } = await readAdapter(join(REFERENCE, family, 'adapters', name));
        const targetModules = name === 'task' ? 'all-linear' : '.*';
        const path = join(dir, 'peft', family, name);
        await writeAdapter(path, { config: { ...config, targetModules }, role: 'security', modules });
        paths.push(join(REFERENCE, family), path);
        expected.push({
          modules: Object.fromEntries(
            [...modules].map(([m, { scale, aShape }]) => [m, { rank: aShape[0], scaling: scale }]),
          ),
        });
      }
    }
    const output = execFileSync(python!, [script, ...paths], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    assert.deepEqual(JSON.parse(output), expected);
  },
);
