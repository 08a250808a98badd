/** What the model itself answers, for rows of free-form text. */
import { openContext } from '../../runtime/context/context.js';
import { openState } from '../../runtime/evaluation/inference/states.js';

/** Characters of an answer at most. */
const LONGEST = 220;

/** The first sentences of the first line; '' where there is no whole one. */
export function firstSentences(answer) {
  let text = '';
  for (const sentence of firstLine(answer).match(/[^.!?]+[.!?]+(?=\s|$)/g) ?? [])
    if (text.length + sentence.length <= LONGEST) text += sentence;
  return text.trim();
}
export const firstLine = (answer) => answer.split('\n')[0].trim();

/**
 * Asks the model of SMOLLM2_GGUF each row's `prompt`, so many at once.
 * @param asked `begin`: what its answer begins with
 * @param onAnswer called with each row and what the model wrote
 */
export async function askModel(asked, { cache, batch: size, tokens = 48 }, onAnswer) {
  const context = await openContext(process.env.SMOLLM2_GGUF, { cache, device: 'cpu' });
  const { tokenizer } = context;
  const { generator } = await openState(context, 'base', []);
  const idsOf = ({ prompt, begin = '' }) =>
    tokenizer.encode(
      tokenizer.chatTemplate.render([{ role: 'user', content: prompt }], { addGenerationPrompt: true }) +
        begin.trimEnd(),
      { addSpecialTokens: false },
    );
  for (let at = 0; at < asked.length; at += size) {
    const batch = asked.slice(at, at + size);
    const written = await generator.generate(batch.map(idsOf), {
      maxNewTokens: tokens,
      temperature: 0.8,
      topP: 0.95,
      seed: at,
    });
    batch.forEach((one, i) => onAnswer(one, tokenizer.decode(written[i].ids)));
    console.error(`${at + batch.length} of ${asked.length}`);
  }
}
