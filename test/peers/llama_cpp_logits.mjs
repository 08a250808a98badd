/**
 * Loads GGUF files in llama.cpp (node-llama-cpp) and gives the distribution of the token behind a row, computed on the CPU in
 * float32 as far as llama.cpp does.
 *
 *     node llama_cpp_logits.mjs IDS_JSON MODEL.gguf[,LORA.gguf]...
 *
 * Prints a JSON list with one object per file: the natural logarithms of
 * the probabilities by token id, or the error that loading ended in.
 */
import { getLlama } from 'node-llama-cpp';

const [row, ...files] = process.argv.slice(2);
const ids = JSON.parse(row);

const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: 'error' });
const results = [];
for (const [modelPath, lora] of files.map((file) => file.split(','))) {
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
    results.push({ logs });
    await model.dispose();
  } catch (error) {
    results.push({ error: String(error) });
  }
}
console.log(JSON.stringify(results));
await llama.dispose();
