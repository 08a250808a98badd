/**
 * Greedy generation, tokens per second for a batch: `generate.mjs --model FOLDER|FILE.gguf [--rows 1] [--new 128]
 * [--prompt 20] [--threads N] [--precision float32|int8|int4] [--prompts 0]`. Prompts are random tokens; the time of
 * reading them counts. Prints one JSON line.
 *
 * With `--prompts N`, so many of unlike lengths are also answered, `rows` at once, until a token ends the answer (one
 * in `new`) or it has `new` tokens: `ofBatchRate` is the rate of that over the rate of one full batch, whose tokens are
 * drawn as well; `inGroups` is the same for `rows` prompts after the other `rows`, as long as the longest answer takes.
 */
import { parseArgs } from 'node:util';
import { openGenerator } from '../../runtime/evaluation/inference/generate.js';
import type { Precision } from '../../runtime/contract/recipeWords.js';
import { sum } from '../../runtime/contract/sum.js';
import { openFrozen } from '../../runtime/models/openFrozen.js';
import { copyAsFloat32 } from '../../runtime/models/packed/float32Copy.js';
import { random } from '../../runtime/support/random.js';
import { openBackend } from '../../runtime/device/openBackend.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    rows: { type: 'string', default: '1' },
    new: { type: 'string', default: '128' },
    prompt: { type: 'string', default: '20' },
    threads: { type: 'string', default: '0' },
    precision: { type: 'string', default: 'float32' },
    prompts: { type: 'string', default: '0' },
  },
});
const [rows, newTokens, promptTokens] = [Number(values.rows), Number(values.new), Number(values.prompt)];
const CACHE = 'out/bench/cache';
const WARM_UP_TOKENS = 8;

const precision = values.precision as Precision;
const { model: stored, spec } = await openFrozen(values.model!, { cache: CACHE, precision });
const model = await copyAsFloat32(stored, spec, { cache: CACHE });
const backend = await openBackend('cpu', Number(values.threads));
const generator = await openGenerator({ backend, spec, model, adapters: [], stopIds: [] });
const rng = random(0);
const prompts = Array.from({ length: rows }, () =>
  Array.from({ length: promptTokens }, () => 3 + rng.int(spec.vocabSize - 3)),
);
const run = async (maxNewTokens: number, temperature = 0): Promise<number> => {
  const began = performance.now();
  const answers = await generator.generate(prompts, { maxNewTokens, temperature, topP: 1 });
  const made = sum(answers.map((answer) => answer.ids.length));
  if (made !== rows * maxNewTokens) throw new Error(`${made} tokens instead of ${rows * maxNewTokens}`);
  return (performance.now() - began) / 1000;
};
await run(WARM_UP_TOKENS);
const seconds = await run(newTokens);
const rate = (rows * newTokens) / seconds;

/** Rates of many answers of unlike lengths, over that of one batch. */
async function many(count: number): Promise<{ ofBatchRate: number; inGroups: number }> {
  const stopIds = Array.from({ length: spec.vocabSize }, (_, id) => id).filter((id) => id % newTokens === 1);
  const ending = await openGenerator({ backend, spec, model, adapters: [], stopIds });
  const asked = Array.from({ length: count }, () =>
    Array.from({ length: Math.ceil(promptTokens / 2) + rng.int(promptTokens) }, () => 3 + rng.int(spec.vocabSize - 3)),
  ).sort((a, b) => a.length - b.length);
  const draw = { maxNewTokens: newTokens, temperature: 1, topP: 1 };
  const rateOf = async (answer: () => Promise<number>): Promise<number> => {
    const began = performance.now();
    return (await answer()) / ((performance.now() - began) / 1000);
  };
  const tokens = async (given: number[][]): Promise<number> =>
    sum((await ending.generate(given, { ...draw, rows })).map(({ ids }) => ids.length));
  const together = await rateOf(() => tokens(asked));
  const inGroups = await rateOf(async () => {
    let made = 0;
    for (let at = 0; at < count; at += rows) made += await tokens(asked.slice(at, at + rows));
    return made;
  });
  const seconds = Math.min(await run(newTokens, draw.temperature), await run(newTokens, draw.temperature));
  const drawn = (rows * newTokens) / seconds;
  await ending.dispose();
  return { ofBatchRate: rounded(together / drawn), inGroups: rounded(inGroups / drawn) };
}
const rounded = (share: number): number => Math.round(1000 * share) / 1000;

const prompted = Number(values.prompts);
console.log(
  JSON.stringify({
    rows,
    newTokens,
    tokensPerSecond: Math.round(10 * rate) / 10,
    ...(prompted > 0 && (await many(prompted))),
  }),
);
