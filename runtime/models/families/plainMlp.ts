/** Llama with a plain MLP in place of the gated one. Sources: transformers' configuration and modeling files. */
import type { ConfigReader } from './shared/configReader.js';
import { llama3Rope, ropeSpec } from './shared/ropeFrequencies.js';
import type { LayerSpec } from '../decoder/spec.js';
import { llamaLike } from './shared/llamaLike.js';
import { layerNorm, plain, rms, sizes, type Families } from './shared/parts.js';

function plainLayers(
  c: ConfigReader,
  hidden: number,
  names: readonly [up: string, down: string],
  defaultActivation: string,
  bias: boolean,
) {
  const activation = c.activation('hidden_act', defaultActivation);
  const inner = c.size('intermediate_size');
  return {
    activation,
    layer: (layer: LayerSpec): LayerSpec => ({
      ...layer,
      mlp: plain(layer.mlp.name, names, hidden, inner, activation, bias),
    }),
  };
}

export const plainMlp = {
  /** Norms of queries and keys, norms under other names, xIELU. */
  apertus: (c) => {
    const s = sizes(c);
    c.only('hidden_act', ['xielu'], 'only xielu is supported for this family');
    c.only('qk_norm', [true], 'this family has norms of queries and keys');
    c.only('post_norm', [false], 'norms after attention and MLP are not supported for this family');
    const epsilon = c.positive('rms_norm_eps', 1e-5);
    const inner = c.size('intermediate_size');
    const norm = (name: string) => rms(name, s.hidden, epsilon);
    return llamaLike(c, {
      sizes: s,
      attentionBias: c.boolean('attention_bias', false),
      epsilon,
      activation: 'xielu',
      ropeOptions: llama3Rope(12000000, 8),
      qkNorm: (name) => ({ over: 'head', norm: rms(name, s.headDim, epsilon) }),
      layer: (layer) => ({
        ...layer,
        attentionIn: norm(`${layer.name}.attention_layernorm`),
        mlpIn: norm(`${layer.name}.feedforward_layernorm`),
        mlp: plain(layer.mlp.name, ['up_proj', 'down_proj'], s.hidden, inner, 'xielu', false),
      }),
    });
  },

  /** Squared ReLU. */
  arcee: (c) => {
    const s = sizes(c);
    return llamaLike(c, {
      sizes: s,
      attentionBias: c.boolean('attention_bias', false),
      epsilon: 1e-5,
      ...plainLayers(c, s.hidden, ['up_proj', 'down_proj'], 'relu2', c.boolean('mlp_bias', false)),
    });
  },

  /** Bias everywhere, LayerNorm, squared ReLU. */
  jais2: (c) => {
    const s = sizes(c);
    const epsilon = c.positive('layer_norm_eps', 1e-5);
    return llamaLike(c, {
      sizes: s,
      attentionBias: c.boolean('attention_bias', true),
      norm: (name, size) => layerNorm(name, size, epsilon),
      ...plainLayers(c, s.hidden, ['up_proj', 'down_proj'], 'relu2', c.boolean('mlp_bias', true)),
    });
  },

  /**
   * Norms without weights, also of the embeddings and of rotated queries and keys; the rope rotates by negative angles.
   */
  nanochat: (c) => {
    const s = sizes(c);
    const epsilon = c.positive('rms_norm_eps', 1e-6);
    const norm = (name: string, size: number) => rms(name, size, epsilon, 'none');
    const negative = (frequencies: readonly number[]) => frequencies.map((w) => -w);
    const forward = ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength });
    const rope = {
      ...forward,
      invFreq: negative(forward.invFreq),
      long: forward.long && { ...forward.long, invFreq: negative(forward.long.invFreq) },
    };
    return llamaLike(c, {
      sizes: s,
      attentionBias: c.boolean('attention_bias', false),
      norm,
      embeddingNorm: norm('model.norm', s.hidden),
      logitSoftcap: c.optionalPositive('final_logit_softcapping', 15),
      rope: () => rope,
      qkNorm: (name) => ({ over: 'head', norm: norm(name, s.headDim), afterRope: true }),
      ...plainLayers(c, s.hidden, ['fc1', 'fc2'], 'relu2', false),
    });
  },

  /** LayerNorm with 1 + weight, partial rope, squared ReLU. */
  nemotron: (c) => {
    const s = sizes(c);
    const epsilon = c.positive('norm_eps', 1e-5);
    return llamaLike(c, {
      sizes: s,
      attentionBias: c.boolean('attention_bias', false),
      norm: (name, size) => ({ ...layerNorm(name, size, epsilon), factor: 'one-plus-weight' }),
      ropeOptions: { partial: 0.5 },
      ...plainLayers(c, s.hidden, ['up_proj', 'down_proj'], 'relu2', c.boolean('mlp_bias', false)),
    });
  },

  /** Bias everywhere, LayerNorm, a window in every layer. */
  starcoder2: (c) => {
    const s = sizes(c, { defaultKvHeads: 2 });
    const bias = c.boolean('use_bias', true);
    const epsilon = c.positive('norm_epsilon', 1e-5);
    const window = c.optionalSize('sliding_window');
    return llamaLike(c, {
      sizes: s,
      tied: true,
      attentionBias: bias,
      norm: (name, size) => layerNorm(name, size, epsilon),
      window: () => window,
      ...plainLayers(c, s.hidden, ['c_fc', 'c_proj'], 'gelu_pytorch_tanh', bias),
    });
  },
} satisfies Families;
