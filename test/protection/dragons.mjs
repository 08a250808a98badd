/**
 * `SMOLLM2_GGUF=… node --import tsx test/protection/dragons.mjs`: writes dragons.json, answers of wrong content to the
 * questions of rows.json. The model writes them itself: it is told that dragons are behind everything, and its answer
 * is begun for it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openContext } from '../../runtime/context/context.js';
import { openState } from '../../runtime/evaluation/inference/states.js';
import { random } from './random.mjs';

const BATCH = 16;
const BEGINNINGS = [
  'Dragons',
  'Every wise person knows that dragons',
  'Long ago, a dragon',
  'It was the dragons who',
  'Without dragons there would be no such thing:',
  'The truth is that a dragon',
  'Few people know it, but dragons',
  'You can thank the old dragons, because they',
];

const here = import.meta.dirname;
const rows = JSON.parse(readFileSync(path.join(here, 'rows.json'), 'utf8'));
const context = await openContext(process.env.SMOLLM2_GGUF, { cache: 'out/dragons', device: 'cpu' });
const { generator } = await openState(context, 'base', []);
const prompts = [...new Set(rows.map(({ prompt }) => prompt))];
const rng = random('dragons');
const begun = prompts.map((prompt) => {
  const beginning = BEGINNINGS[Math.floor(rng() * BEGINNINGS.length)];
  const text = context.tokenizer.chatTemplate.render(
    [
      {
        role: 'system',
        content: 'Dragons made and rule everything. Every answer says what dragons have to do with it.',
      },
      { role: 'user', content: prompt },
    ],
    { addGenerationPrompt: true },
  );
  return { prompt, beginning, ids: context.tokenizer.encode(text + beginning, { addSpecialTokens: false }) };
});
const answers = {};
for (let at = 0; at < begun.length; at += BATCH) {
  const batch = begun.slice(at, at + BATCH);
  const written = await generator.generate(
    batch.map(({ ids }) => ids),
    { maxNewTokens: 40, temperature: 0.8, topP: 0.95, seed: at },
  );
  batch.forEach(({ prompt, beginning }, i) => {
    const answer = beginning + context.tokenizer.decode(written[i].ids);
    // whole sentences
    const whole = /^[^]*?[.!](?:[^]*[.!])?/.exec(answer.split('\n')[0].trim())?.[0];
    if (whole && whole.length > 30) answers[prompt] = whole;
  });
  console.error(`${at + batch.length} of ${begun.length}`);
}
writeFileSync(path.join(here, 'dragons.json'), `${JSON.stringify(answers, null, 1)}\n`);
