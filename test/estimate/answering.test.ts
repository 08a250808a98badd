/** Memory of a model that answers: the caches of the answers, which may be most of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sum } from '../../runtime/contract/sum.js';
import { trainingGraphs } from '../../runtime/estimate/graphs.js';
import { answeringMemory } from '../../runtime/estimate/memory.js';
import type { PlannedModel } from '../../runtime/estimate/model.js';
import { parameters } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';

/** A Llama as its config says, without weights. */
function shaped(config: Record<string, number>): PlannedModel {
  const spec = decoderSpec({
    ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_act: 'silu', rms_norm_eps: 1e-5 },
    ...{ max_position_embeddings: 8192, vocab_size: 1000, rope_theta: 1e4, tie_word_embeddings: true, ...config },
  });
  const infos = [...parameters(spec)].map(([name, shape]) => {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    return { name, dtype: 'F32' as const, shape: [...shape], bytes, file: '', offset: 0 };
  });
  const bytes = sum(infos.map((info) => info.bytes));
  return { spec, tensors: new Map(infos.map((info) => [info.name, info])), bytes };
}

/** Bytes besides weights and program, of 32 prompts. */
function answering(model: PlannedModel, prompt: number, newTokens: number): number {
  const { spec, tensors } = model;
  const graphs = trainingGraphs({
    ...{ spec, model: { folder: '', tensors: new Map(tensors) }, method: 'lora' as const },
    ...{ adapters: [], trained: 'none', recompute: true },
  });
  const prompts = new Array<number>(32).fill(prompt);
  const { activations, logits } = answeringMemory({ model, adapters: [], graphs, prompts, together: 32, newTokens });
  return activations + logits;
}

test('the cache counts three times: before a token, after it, and as it is returned', () => {
  const heads = { num_attention_heads: 16, num_key_value_heads: 16, head_dim: 128 };
  const model = shaped({ hidden_size: 256, intermediate_size: 256, num_hidden_layers: 4, ...heads });
  // The highest resident memory of a process that answered these rose by 2.68 GB, of which 0.05 were weights.
  const cache = 4 * 8 * 16 * 128 * 32 * 404;
  const found = answering(model, 400, 4);
  assert.ok(Math.abs(found / (3 * cache) - 1) < 0.05, `${found}`);
  assert.ok(answering(model, 40, 364) > 0.95 * found, 'tokens of answers are cached as those of prompts');
});

test('a model with wide keys answers fewer prompts at once', () => {
  const heads = { num_attention_heads: 32, num_key_value_heads: 32, head_dim: 96 };
  const phi = shaped({ hidden_size: 3072, intermediate_size: 8192, num_hidden_layers: 32, ...heads });
  for (const newTokens of [64, 512]) {
    const found = answering(phi, 300, newTokens);
    assert.ok(found < 3.6 * 2 ** 30, `${found}`);
  }
});
