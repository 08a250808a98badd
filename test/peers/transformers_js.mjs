/**
 * Loads an exported ONNX folder in transformers.js and answers greedily.
 *
 *     node transformers_js.mjs MODEL_FOLDER PROMPT TOKENS
 *
 * Prints JSON: ids of the prompt, ids of the answer, text.
 */
import { basename, dirname } from 'node:path';
import { AutoModelForCausalLM, AutoTokenizer, env } from '@huggingface/transformers';

const [folder, prompt, tokens] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = dirname(folder);

const tokenizer = await AutoTokenizer.from_pretrained(basename(folder));
const model = await AutoModelForCausalLM.from_pretrained(basename(folder));
const inputs = await tokenizer([prompt]);
const out = await model.generate({ ...inputs, max_new_tokens: Number(tokens), do_sample: false });
const ids = Array.from(out.data, Number);
const length = inputs.input_ids.dims[1];
console.log(
  JSON.stringify({ prompt: ids.slice(0, length), ids: ids.slice(length), text: tokenizer.decode(ids.slice(length)) }),
);
