/** What stands for what a model computes: in the adapters that were trained on it, and compared with it later. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { computationOf, isOtherComputation } from '../../runtime/models/decoder/computation.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { REFERENCES } from '../support/reference.js';
import { LLAMA, OTHERS, type Config } from './configs.js';

const of = (config: Config): string => computationOf(decoderSpec(config));

test('it is another one where the same weights compute something else, and the same in other words', () => {
  for (const change of [
    { rope_theta: 500 },
    { rope_scaling: { type: 'linear', factor: 2 } },
    { rms_norm_eps: 1e-6 },
    { hidden_act: 'gelu' },
    { tie_word_embeddings: true },
  ])
    assert.notEqual(of({ ...LLAMA, ...change }), of(LLAMA), JSON.stringify(change));
  const windowed = { ...OTHERS.mistral!, sliding_window: 16 };
  assert.notEqual(of({ ...windowed, sliding_window: 17 }), of(windowed));
  for (const change of [
    { max_position_embeddings: 128 },
    { rope_theta: undefined },
    { head_dim: 8, num_key_value_heads: 4 },
    { architectures: undefined, transformers_version: '5' },
    { rope_theta: undefined, rope_parameters: { rope_type: 'default', rope_theta: 10000 } },
  ])
    assert.equal(of({ ...LLAMA, ...change }), of(LLAMA), JSON.stringify(change));
});

test('names of two versions of this program say nothing of each other', () => {
  const now = of(LLAMA);
  assert.ok(isOtherComputation(now, of({ ...LLAMA, rope_theta: 500 })));
  assert.ok(!isOtherComputation(now, now));
  assert.ok(!isOtherComputation(now.replace(/^1-/, '2-'), now));
});

/** Adapters that were trained with it are refused where it is another one: where these change, so must the version. */
test('it stays what it is', async () => {
  const config = async (family: string): Promise<Config> =>
    JSON.parse(await readFile(join(REFERENCES, family, 'config.json'), 'utf8')) as Config;
  const found = await Promise.all(['gemma2', 'phi3_long', 'falcon'].map(async (family) => of(await config(family))));
  assert.deepEqual(
    found.map((name) => name.slice(0, 14)),
    ['1-48e64d405c15', '1-ebabef567fd4', '1-29a29ef7be7e'],
  );
});
