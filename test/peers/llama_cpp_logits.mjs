/**
 * Loads GGUF files in llama.cpp (node-llama-cpp) and gives the distribution of the token behind a row, computed on the
 * CPU in float32 as far as llama.cpp does.
 *
 *     node llama_cpp_logits.mjs      a request: { model: FILE.gguf, lora?: FILE.gguf, ids: [N, …] }
 *
 * Gives the natural logarithms of the probabilities by token id, or the error that loading ended in.
 */
import { getLlama } from 'node-llama-cpp';
import { serve } from './serve.mjs';

const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: 'error' });
await serve(async ({ model: modelPath, lora, ids }) => {
  try {
    const model = await llama.loadModel({ modelPath });
    const context = await model.createContext({
      contextSize: 64,
      threads: 1,
      // both would round to float16
      flashAttention: false,
      experimentalKvCacheKeyType: 'F32',
      experimentalKvCacheValueType: 'F32',
      ...(lora ? { lora: { adapters: [{ filePath: lora, scale: 1 }] } } : {}),
    });
    const last = [ids.at(-1), { generateNext: { probabilities: true } }];
    const outputs = await context.getSequence().controlledEvaluate([...ids.slice(0, -1), last]);
    const logs = [];
    for (const [token, probability] of outputs.at(-1).next.probabilities) logs[token] = Math.log(probability);
    await model.dispose();
    return { logs };
  } catch (error) {
    return { error: String(error) };
  }
});
await llama.dispose();
