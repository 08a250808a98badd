/**
 * Loads GGUF files in llama.cpp (node-llama-cpp) and answers greedily on the CPU.
 *
 *     node llama_cpp.mjs PACKAGE_FOLDER MODEL.gguf PROMPT TOKENS [LORA.gguf]
 *
 * PACKAGE_FOLDER is where node-llama-cpp is installed. Prints JSON: ids of the prompt, ids of the answer.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [packages, modelPath, prompt, tokens, lora] = process.argv.slice(2);
const entry = createRequire(join(packages, 'package.json')).resolve('node-llama-cpp');
const { getLlama } = await import(pathToFileURL(entry).href);

const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: 'error' });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({
  contextSize: 128,
  threads: 1,
  ...(lora ? { lora: { adapters: [{ filePath: lora, scale: 1 }] } } : {}),
});
const ids = model.tokenize(prompt, true);
const answer = [];
for await (const token of context.getSequence().evaluate(ids, { temperature: 0, yieldEogToken: true })) {
  answer.push(token);
  if (answer.length === Number(tokens)) break;
}
console.log(JSON.stringify({ prompt: ids, ids: answer }));
await llama.dispose();
