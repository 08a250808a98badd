import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAdapter } from '../../runtime/adapters/files.js';
import { damageJsonText, damageSafetensors, damageText, JSON_WORDS, lengthOf } from './damage.js';
import { fuzz } from './harness.js';

const REFERENCE = join(import.meta.dirname, '..', 'fixtures', 'reference');

interface Files {
  config: string;
  weights: Buffer;
  role?: string;
}

const ROLE = JSON.stringify({
  role: 'security',
  name: 'x',
  baseModel: { name: 'y', architecture: 'llama', sha256: '0'.repeat(64) },
});

function reference(path: string): Files {
  const file = (name: string): Buffer => readFileSync(join(REFERENCE, path, name));
  return { config: file('adapter_config.json').toString(), weights: file('adapter_model.safetensors') };
}

/** Names on which a regular expression can go back and forth for long. */
function longNames(): Files {
  const names = Array.from({ length: 40 }, (_, i) => `model.layers.${i}.${'a.b'.repeat(70)}.q_proj`);
  const header = Object.fromEntries(
    names.flatMap((name, i) => [
      [`base_model.model.${name}.lora_A.weight`, { dtype: 'F32', shape: [1, 2], data_offsets: [16 * i, 16 * i + 8] }],
      [`base_model.model.${name}.lora_B.weight`, { dtype: 'F32', shape: [2, 1], data_offsets: [16 * i + 8, 16 * i + 16] }],
    ]),
  ); // oxfmt-ignore
  const json = Buffer.from(JSON.stringify(header));
  const config = { peft_type: 'LORA', r: 1, lora_alpha: 2, target_modules: ['q_proj'], rank_pattern: { q_proj: 1 } };
  return {
    config: JSON.stringify(config),
    weights: Buffer.concat([lengthOf(json), json, Buffer.alloc(16 * names.length)]),
  };
}

const SLOW = [
  '(a+)+$',
  '(.*)*x',
  '(\\w+\\.?)+#',
  '.*.*.*.*#',
  '(a|a.|.b|b)*#',
  '.*.*.*#',
  '(?:(?:(?:.*)a)*b)*#',
  '\\w*\\w*\\w*\\w*#',
];
const VALUES: readonly unknown[] = [
  ...SLOW,
  ...['all-linear', 'q_proj', ['q_proj', 'v_proj'], '.*', 'none', 'gaussian', 'LORA', 'pissa', 'DORA', 2, 4, 16, 1e308, -1],
  ...[Object.fromEntries(SLOW.map((pattern) => [pattern, 4])), { q_proj: 2 }, { q_proj: 2 ** 53 }, { '(': 1 }, { __proto__: 1 }],
  ...[Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`${SLOW[2]}${i}`, 4])), [0], [0, 1e9], ['layers'], SLOW],
]; // oxfmt-ignore

fuzz<Files>({
  name: 'adapter',
  rounds: 180,
  sources: () => [
    ...['llama/adapters/rslora', 'llama/adapters/task', 'gpt2/adapters/task'].map(reference),
    { ...reference('llama/adapters/task'), role: ROLE },
    longNames(),
  ],
  damage: (source, rng) => {
    const kind = rng.int(10);
    if (kind < 6) return { ...source, config: damageJsonText(source.config, rng, VALUES) };
    if (kind === 6) return { ...source, config: damageText(source.config, rng, JSON_WORDS) };
    if (kind === 7) return { ...source, role: damageJsonText(source.role ?? ROLE, rng, ['task', 'security', 'Security']) };
    return { ...source, weights: damageSafetensors(source.weights, rng, [[8, 4], [4, 8], 'I8', 'F16']) };
  },
  load: async ({ config, weights, role }, folder) => {
    const path = join(folder, 'adapter');
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'adapter_config.json'), config);
    writeFileSync(join(path, 'adapter_model.safetensors'), weights);
    if (role === undefined) rmSync(join(path, 'security_vector.json'), { force: true });
    else writeFileSync(join(path, 'security_vector.json'), role);
    const adapter = await readAdapter(path);
    assert(adapter.modules.size > 0);
    assert.equal(adapter.role, role === undefined ? 'task' : (JSON.parse(role) as { role: string }).role);
    for (const [name, { A, aShape, B, bShape, scale }] of adapter.modules) {
      assert.equal(A.length, aShape[0] * aShape[1], name);
      assert.equal(B.length, bShape[0] * bShape[1], name);
      assert.equal(aShape[0], bShape[1], name);
      assert(Number.isFinite(scale), name);
    }
  },
}); // oxfmt-ignore
