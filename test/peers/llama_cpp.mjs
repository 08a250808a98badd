/**
 * Loads GGUF files in llama.cpp (node-llama-cpp) and answers greedily on the CPU.
 *
 *     node llama_cpp.mjs      a request: { model: FILE.gguf, lora?: FILE.gguf, prompt: TEXT, tokens: N }
 *
 * Gives the ids of the prompt and of the answer.
 */
import { getLlama } from 'node-llama-cpp';
import { serve } from './serve.mjs';

const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: 'error' });
await serve(async ({ model: modelPath, lora, prompt, tokens }) => {
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
    if (answer.length === tokens) break;
  }
  await model.dispose();
  return { prompt: ids, ids: answer };
});
await llama.dispose();
