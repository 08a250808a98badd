/** Qwen in GGUF. */
import { hasBias, type Entries } from './shared/layout.js';

export const qwen = {
  qwen2: {
    className: 'Qwen2ForCausalLM',
    config: () => ({ use_sliding_window: false }),
  },
  qwen3: {
    className: 'Qwen3ForCausalLM',
    config: (_, g) => ({ attention_bias: hasBias(g, 'attn_q'), use_sliding_window: false }),
  },
} satisfies Entries;
