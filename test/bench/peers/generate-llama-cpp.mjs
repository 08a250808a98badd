/**
 * Greedy generation with llama.cpp, tokens per second: the peer of generate.ts for one row of a GGUF file.
 * Runs in a folder where node-llama-cpp is installed: node generate-llama-cpp.mjs --model FILE.gguf [--new 128] [--threads 2]
 */
import { parseArgs } from 'node:util';
import { getLlama } from 'node-llama-cpp';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    new: { type: 'string', default: '128' },
    threads: { type: 'string', default: '2' },
  },
});
const [newTokens, threads] = [Number(values.new), Number(values.threads)];
const llama = await getLlama({ gpu: false, build: 'never' });
const model = await llama.loadModel({ modelPath: values.model });
const context = await model.createContext({ contextSize: 512, threads });
const sequence = context.getSequence();
const prompt = model.tokenize(
  '<|im_start|>user\nTell me about the sea.<|im_end|>\n<|im_start|>assistant\n',
  true, // special tokens
);
const rates = [];
for (let round = 0; round < 3; round++) {
  const tokens = [];
  let first = 0;
  for await (const token of sequence.evaluate(prompt, { temperature: 0 })) {
    if (tokens.push(token) === 1) first = performance.now();
    if (tokens.length >= newTokens) break;
  }
  rates.push(Math.round((1e4 * (tokens.length - 1)) / (performance.now() - first)) / 10);
  await sequence.clearHistory();
}
console.log(JSON.stringify({ newTokens, threads, tokensPerSecond: Math.max(...rates), rates }));
process.exit(0);
