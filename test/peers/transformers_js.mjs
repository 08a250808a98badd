/**
 * Loads an exported ONNX folder in transformers.js and answers greedily.
 *
 *     node transformers_js.mjs PACKAGE_FOLDER MODEL_FOLDER PROMPT TOKENS
 *
 * PACKAGE_FOLDER is where @huggingface/transformers is installed. Prints JSON: ids of the prompt, ids of the answer, text.
 */
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [packages, folder, prompt, tokens] = process.argv.slice(2);
const entry = createRequire(join(packages, 'package.json')).resolve('@huggingface/transformers');
const { AutoModelForCausalLM, AutoTokenizer, env } = await import(pathToFileURL(entry).href);
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
