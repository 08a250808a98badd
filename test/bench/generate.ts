/**
 * Greedy generation, tokens per second for a batch: `generate.mjs --model FOLDER|FILE.gguf [--rows 1] [--new 128] [--prompt 20] [--threads N]
 * [--precision float32|int8|int4]`.
 * Prompts are random tokens; the time of reading them counts. Prints one JSON line.
 */
import { parseArgs } from 'node:util';
import { openGenerator } from '../../runtime/evaluation/inference/generate.js';
import type { Precision } from '../../runtime/contract/protocol.js';
import { openFrozen } from '../../runtime/models/openFrozen.js';
import { random } from '../../runtime/support/random.js';
import { openBackend } from '../../runtime/device/session.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    rows: { type: 'string', default: '1' },
    new: { type: 'string', default: '128' },
    prompt: { type: 'string', default: '20' },
    threads: { type: 'string', default: '0' },
    precision: { type: 'string', default: 'float32' },
  },
});
const [rows, newTokens, promptTokens] = [Number(values.rows), Number(values.new), Number(values.prompt)];
const WARM_UP_TOKENS = 8;

const precision = values.precision as Precision;
const { model, spec } = await openFrozen(values.model!, { cache: 'out/bench/cache', precision });
const backend = await openBackend('cpu', Number(values.threads));
const generator = await openGenerator({ backend, spec, model, adapters: [], stopIds: [] });
const rng = random(0);
const prompts = Array.from({ length: rows }, () =>
  Array.from({ length: promptTokens }, () => 3 + rng.int(spec.vocabSize - 3)),
);
const run = async (maxNewTokens: number): Promise<number> => {
  const began = performance.now();
  const answers = await generator.generate(prompts, { maxNewTokens, temperature: 0, topP: 1 });
  const made = answers.reduce((n, answer) => n + answer.ids.length, 0);
  if (made !== rows * maxNewTokens) throw new Error(`${made} tokens instead of ${rows * maxNewTokens}`);
  return (performance.now() - began) / 1000;
};
await run(WARM_UP_TOKENS);
const seconds = await run(newTokens);
console.log(JSON.stringify({ rows, newTokens, tokensPerSecond: Math.round((10 * rows * newTokens) / seconds) / 10 }));
