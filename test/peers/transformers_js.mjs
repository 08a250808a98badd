/**
 * Loads an exported ONNX folder in transformers.js and answers greedily.
 *
 *     node transformers_js.mjs      a request: { folder: MODEL_FOLDER, prompt: TEXT, tokens: N }
 *
 * Gives the ids of the prompt and of the answer, and its text.
 */
import { basename, dirname } from 'node:path';
import { AutoModelForCausalLM, AutoTokenizer, env } from '@huggingface/transformers';
import { serve } from './serve.mjs';

env.allowRemoteModels = false;
await serve(async ({ folder, prompt, tokens }) => {
  env.localModelPath = dirname(folder);
  const tokenizer = await AutoTokenizer.from_pretrained(basename(folder));
  const model = await AutoModelForCausalLM.from_pretrained(basename(folder));
  const inputs = await tokenizer([prompt]);
  const out = await model.generate({ ...inputs, max_new_tokens: tokens, do_sample: false });
  const ids = Array.from(out.data, Number);
  const length = inputs.input_ids.dims[1];
  return { prompt: ids.slice(0, length), ids: ids.slice(length), text: tokenizer.decode(ids.slice(length)) };
});
