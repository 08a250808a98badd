/**
 * Cuts texts into tokens as llama.cpp (node-llama-cpp) does with the vocabularies of GGUF files.
 *
 *     node llama_cpp_tokens.mjs TEXTS_JSON MODEL.gguf...
 *
 * Prints a JSON list with one entry per file: the ids of each text.
 */
import { getLlama } from 'node-llama-cpp';

const [texts, ...files] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: 'error' });
const results = [];
for (const modelPath of files) {
  const model = await llama.loadModel({ modelPath, vocabOnly: true });
  results.push(JSON.parse(texts).map((text) => model.tokenize(text, false)));
  await model.dispose();
}
console.log(JSON.stringify(results));
await llama.dispose();
