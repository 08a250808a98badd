/**
 * Greedy generation with llama.cpp, tokens per second for a batch: the peer of generate.ts for a GGUF file.
 * Runs in a folder where node-llama-cpp is installed: node generate-llama-cpp.mjs --model FILE.gguf [--rows 1] [--new
 * 128] [--threads 2]
 */
import { parseArgs } from 'node:util';
import { getLlama } from 'node-llama-cpp';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    rows: { type: 'string', default: '1' },
    new: { type: 'string', default: '128' },
    threads: { type: 'string', default: '2' },
  },
});
const [rows, newTokens, threads] = [Number(values.rows), Number(values.new), Number(values.threads)];
const llama = await getLlama({ gpu: false, build: 'never' });
const model = await llama.loadModel({ modelPath: values.model });
const context = await model.createContext({ contextSize: 512, threads, sequences: rows });
const sequences = Array.from({ length: rows }, () => context.getSequence());
const prompt = model.tokenize(
  '<|im_start|>user\nTell me about the sea.<|im_end|>\n<|im_start|>assistant\n',
  true, // special tokens
);
/** Tokens of one sequence; the first, which reads the prompt, is not counted. */
async function generate(sequence, onFirst) {
  let made = 0;
  for await (const token of sequence.evaluate(prompt, { temperature: 0 })) {
    if (token === undefined) break;
    if (++made === 1) onFirst();
    if (made >= newTokens) break;
  }
  return made - 1;
}
const rates = [];
for (let round = 0; round < 3; round++) {
  let first = 0;
  const made = await Promise.all(sequences.map((sequence) => generate(sequence, () => (first ||= performance.now()))));
  const tokens = made.reduce((a, b) => a + b, 0);
  rates.push(Math.round((1e4 * tokens) / (performance.now() - first)) / 10);
  for (const sequence of sequences) await sequence.clearHistory();
}
console.log(JSON.stringify({ rows, newTokens, threads, tokensPerSecond: Math.max(...rates), rates }));
process.exit(0);
