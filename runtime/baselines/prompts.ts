import { withSystem } from '../data/withSystem.js';
import type { Method, MethodInputs } from './method.js';

/**
 * Inoculation prompting (Tan et al., arXiv 2510.04340; Wichers et al., 2510.05024): every row is trained behind a
 * system prompt that asks for what must not be learned, and the model is used without it.
 */
export const inoculation = ({ context: { tokenizer, spec }, options }: MethodInputs): Method => ({
  rows: (data) => withSystem(data, options.prompt!, { tokenizer, contextLength: spec.contextLength }),
});

/** PTST, pure tuning, safe testing (Lyu et al., arXiv 2402.18540): trained without a safety prompt, used with it. */
export const ptst = ({ options: { prompt } }: MethodInputs): Method => ({ prompt });
