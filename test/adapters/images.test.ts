/** Adapters of models for text and images: other names, and layers for images with the same last parts. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  formatAdapterConfig,
  loadedAs,
  parseAdapterConfig,
  type AdapterConfig,
} from '../../runtime/adapters/adapterConfig.js';
import { readAdapter, type AdapterFile } from '../../runtime/adapters/files.js';
import { fitted, plainConfig, saveAdapter } from '../../runtime/adapters/flat.js';
import { joinedConfig } from '../../runtime/adapters/joinedConfig.js';
import { targeted } from '../../runtime/adapters/peftPatterns.js';
import { initialise, plainLayout } from '../../runtime/adapters/sites.js';
import { linearLayers } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { random } from '../../runtime/support/random.js';
import { loadReference, REFERENCES } from '../support/reference.js';
import { adapterWith, human, plain } from './support.js';

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'adapters-'));
});
after(() => rm(dir, { recursive: true }));

test('an adapter that names the text model of a model with images as transformers 4.51 did sits where it belongs', async () => {
  const name = 'base_model.model.language_model.model.layers.0.q_proj';
  const path = await adapterWith(dir, {}, { [`${name}.lora_A.weight`]: [4, 8], [`${name}.lora_B.weight`]: [6, 4] });
  const site = { name: 'model.language_model.layers.0.q_proj', in: 8, out: 6 };
  const file = await readAdapter(path);
  const { layout } = fitted(file, [site]);
  assert.deepEqual(layout.sites, [{ ...site, rank: 4, scale: 2, offset: 0 }]);
  assert.throws(() => fitted(file, [{ ...site, name: 'model.layers.0.q_proj' }]), human(/for another model/));
});

test('an adapter of a model with images is used for text; what it does to images is said where it does something', async () => {
  const site = { name: 'model.language_model.layers.0.q_proj', in: 8, out: 6 };
  const pair = (module: string, rows: number): Record<string, number[]> => ({
    [`base_model.model.${module}.lora_A.weight`]: [4, 10],
    [`base_model.model.${module}.lora_B.weight`]: [rows, 4],
  });
  const text = { ...pair(site.name, 6), [`base_model.model.${site.name}.lora_A.weight`]: [4, 8] };
  for (const parts of ['model.', '']) {
    const vision = `${parts}vision_tower.encoder.layers.0.q_proj`;
    const images = { ...pair(vision, 12), ...pair(`${parts}multi_modal_projector.q_proj`, 12) };
    const path = await adapterWith(dir, {}, { ...images, ...text });
    const said: string[][] = [];
    const fit = (file: AdapterFile) => fitted(file, [site], (...warning) => void said.push(warning));
    const file = await readAdapter(path);
    assert.deepEqual(fit(file).layout.sites, [{ ...site, rank: 4, scale: 2, offset: 0 }]);
    assert.equal(said.length, 0, 'B is zero, as where PEFT trained on text');
    file.modules.get(vision)!.B[7] = 1e-9;
    assert.deepEqual(fit(file).layout.sites, [{ ...site, rank: 4, scale: 2, offset: 0 }]);
    assert.equal(said.length, 1);
    assert.match(
      said[0]!.join(' '),
      /^1 of its layers are for images, and not computed here: .*made-.* Use it with PEFT/,
    );

    const alone = await readAdapter(await adapterWith(dir, {}, images));
    assert.throws(() => fit(alone), human(/changes only how the model reads images/));
    assert.throws(
      () => fitted(file, [{ ...site, name: 'model.layers.0.q_proj' }]),
      human(/for another model: it has a layer ".*vision_tower/),
    );
  }
});

const OLD = ['q_proj', 'k_proj'].map((name) => `language_model.model.layers.0.self_attn.${name}`);

for (const [what, config] of Object.entries<object>({
  'target_modules by whole names': { target_modules: OLD },
  'a pattern of target_modules': { target_modules: 'language_model\\.model\\..*_proj' },
  'exclude_modules by whole names': { target_modules: ['q_proj', 'k_proj', 'v_proj'], exclude_modules: 'language_model.*v_proj' }, // oxfmt-ignore
  'rank_pattern by whole names': { target_modules: ['q_proj', 'k_proj'], rank_pattern: { [OLD[1]!]: 2 } },
  'alpha_pattern by whole names': { target_modules: ['q_proj', 'k_proj'], alpha_pattern: { [OLD[0]!]: 32 } },
  'rsLoRA with both patterns': {
    ...{ target_modules: ['q_proj', 'k_proj'], use_rslora: true },
    ...{ rank_pattern: { [OLD[0]!]: 6 }, alpha_pattern: { [OLD[0]!]: 12, [OLD[1]!]: 3 } },
  },
}))
  test(`an adapter with names of transformers 4.51 is saved as what it was: ${what}`, async () => {
    const { rank_pattern: ranks = {} } = config as { rank_pattern?: Record<string, number> };
    const shapes = OLD.flatMap((name): [string, number[]][] => [
      [`base_model.model.${name}.lora_A.weight`, [ranks[name] ?? 4, 8]],
      [`base_model.model.${name}.lora_B.weight`, [6, ranks[name] ?? 4]],
    ]);
    const path = await adapterWith(dir, config, Object.fromEntries(shapes), (i) => Math.sin(i));
    const sites = OLD.map((name) => ({ name: name.replace(/^[\w.]+\.layers/, 'model.language_model.layers'), in: 8, out: 6 })); // oxfmt-ignore
    const { file, layout, flat } = fitted(await readAdapter(path), sites);
    const out = await mkdtemp(join(dir, 'saved-'));
    await saveAdapter(out, { layout, flat, config: file.config, role: 'task', provenance: {} });
    const back = fitted(await readAdapter(out), sites);
    assert.deepEqual([back.layout, back.flat], [layout, flat]);
    const before = (await readAdapter(path)).modules;
    assert.deepEqual(back.layout.sites.map(({ scale }) => scale), OLD.map((name) => before.get(name)!.scale)); // oxfmt-ignore
  });

test('an adapter is not saved at another scale than it had', async () => {
  const sites = [{ name: 'layers.0.q_proj', in: 8, out: 6 }];
  const layout = plainLayout(sites, { rank: 4, alpha: 8, sites: 'all-linear' });
  const flat = new Float32Array(layout.size);
  const given = { layout, flat, role: 'task', provenance: {} } as const;
  await saveAdapter(join(dir, 'same'), { ...given, config: plain });
  await assert.rejects(saveAdapter(join(dir, 'other'), { ...given, config: { ...plain, alpha: 4 } }), /not of scale 1/);
});

/** A random adapter on the layers of a reference model, saved. */
async function saved(family: string, chosen: string | string[], config?: Partial<AdapterConfig>): Promise<string> {
  const sites = linearLayers(decoderSpec((await loadReference(family)).config));
  const adapter = { rank: 2, alpha: 4, sites: chosen };
  const layout = plainLayout(sites, adapter);
  const folder = await mkdtemp(join(dir, `${family}-`));
  const flat = initialise(layout, random('images'));
  await saveAdapter(folder, { layout, flat, config: { ...plainConfig(adapter, layout, sites), ...config }, role: 'task', provenance: {} }); // oxfmt-ignore
  return folder;
}

const VISION = ['model.vision_tower.encoder.layers.0.self_attn.q_proj', 'model.multi_modal_projector.q_proj'];

test('what is written of a model with images names its layers for text, and none for images', async () => {
  const sites = linearLayers(decoderSpec((await loadReference('gemma3_image')).config));
  const joined = joinedConfig(plainLayout(sites, { rank: 4, alpha: 4, sites: 'all-linear' }), [], sites);
  for (const folder of [
    await saved('gemma3_image', 'all-linear'),
    await saved('gemma3_image', ['q_proj']),
    await saved('gemma3_image', 'all-linear', { ...joined, rank: 2, alpha: 4 }),
  ]) {
    const { config, modules } = await readAdapter(folder);
    assert.deepEqual(targeted(config, [...modules.keys()], folder).includes(false), false);
    assert.deepEqual(targeted(config, VISION, folder), [false, false], JSON.stringify(config.targetModules));
  }
});

test('by what PEFT’s Auto classes load an adapter is kept, and is CAUSAL_LM where a file says nothing', () => {
  const mapping = {
    base_model_class: 'Mistral3ForConditionalGeneration',
    parent_library: 'transformers.models.mistral3.modeling_mistral3',
  };
  for (const [given, kept] of [
    [{ task_type: null, auto_mapping: mapping }, [null, mapping]],
    [{ task_type: 'SEQ_CLS', auto_mapping: null }, ['SEQ_CLS', null]],
    [{ task_type: 'CAUSAL_LM' }, ['CAUSAL_LM', null]],
    [{ task_type: null, auto_mapping: null }, ['CAUSAL_LM', null]],
    [{ task_type: 3, auto_mapping: { base_model_class: 3 } }, ['CAUSAL_LM', null]],
  ] as const) {
    const json = { ...formatAdapterConfig(plain), ...given };
    const { task_type, auto_mapping } = formatAdapterConfig(parseAdapterConfig(json, 'adapter_config.json'));
    assert.deepEqual([task_type, auto_mapping], kept);
  }
});

const python = process.env.PEERS_PYTHON;
const skip = python ? false : 'needs PEERS_PYTHON';
const run = (...args: string[]): unknown => JSON.parse(execFileSync(python!, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })); // oxfmt-ignore

test('PEFT puts an adapter of a model with images on the layers for text alone', { skip }, async () => {
  const folders: string[] = [];
  for (const family of ['gemma3_image', 'mistral3'])
    for (const chosen of ['all-linear', ['q_proj']]) folders.push(await saved(family, chosen));
  const script = join(import.meta.dirname, '..', 'peers', 'peft_load.py');
  const pairs = folders.flatMap((folder, i) => [join(REFERENCES, i < 2 ? 'gemma3_image' : 'mistral3'), folder]);
  const loaded = run(script, ...pairs) as { modules: object }[];
  for (const [i, folder] of folders.entries())
    assert.deepEqual(Object.keys(loaded[i]!.modules).sort(), [...(await readAdapter(folder)).modules.keys()].sort());
});

test('PEFT finds the base of an adapter of Mistral 3, and writes what is written here', { skip }, async () => {
  const baseModelName = join(REFERENCES, 'mistral3');
  const folder = await saved('mistral3', 'all-linear', { ...loadedAs('mistral3'), baseModelName });
  const program = `
import json, sys
from peft import AutoPeftModel
AutoPeftModel.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])
print(json.dumps(json.load(open(sys.argv[2] + "/adapter_config.json"))))`;
  const written = run('-c', program, folder, join(dir, 'by-peft')) as AdapterConfigFile;
  const { task_type, auto_mapping } = formatAdapterConfig((await readAdapter(folder)).config);
  assert.deepEqual([task_type, auto_mapping], [written.task_type, written.auto_mapping]);
});

type AdapterConfigFile = Record<'task_type' | 'auto_mapping', unknown>;
