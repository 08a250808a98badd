/**
 * Loads exported ONNX folders in transformers.js and answers greedily.
 *
 *     node transformers_js.mjs      a request: { folder: MODEL_FOLDER, prompt: TEXT or ids, tokens: N }
 *
 * Gives the ids of the prompt and of the answer; or `error`, where the folder cannot be used.
 */
import { basename, dirname } from 'node:path';
import { AutoModelForCausalLM, AutoTokenizer, env, Tensor } from '@huggingface/transformers';
import { serve } from './serve.mjs';

env.allowRemoteModels = false;

const tensor = (ids) => new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]);

async function inputsOf(folder, prompt) {
  if (Array.isArray(prompt)) return { input_ids: tensor(prompt), attention_mask: tensor(prompt.map(() => 1)) };
  return (await AutoTokenizer.from_pretrained(folder))([prompt]);
}

await serve(async ({ folder, prompt, tokens }) => {
  env.localModelPath = dirname(folder);
  try {
    const model = await AutoModelForCausalLM.from_pretrained(basename(folder));
    const inputs = await inputsOf(basename(folder), prompt);
    const out = await model.generate({ ...inputs, max_new_tokens: tokens, do_sample: false });
    await model.dispose();
    const ids = Array.from(out.data, Number);
    const length = inputs.input_ids.dims[1];
    return { prompt: ids.slice(0, length), ids: ids.slice(length) };
  } catch (error) {
    return { error: error.message };
  }
});
