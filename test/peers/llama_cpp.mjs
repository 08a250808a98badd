/**
 * Loads GGUF files in llama.cpp (node-llama-cpp) and answers greedily on the CPU.
 *
 *     node llama_cpp.mjs MODEL.gguf PROMPT TOKENS [LORA.gguf]
 *
 * Prints JSON: ids of the prompt, ids of the answer.
 */
import { getLlama } from 'node-llama-cpp';

const [modelPath, prompt, tokens, lora] = process.argv.slice(2);

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
