import { InvalidRow, type RowContent } from '../data/schemas.js';
import { exampleFrom, type Example } from '../data/examples.js';
import { supervised } from '../learner/packing.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import type { ScanRow } from '../contract/protocol.js';

/**
 * A row without the sentences of its answer that the vector explains. The model learns to end where the last
 * of them began.
 * @returns undefined where nothing is left, or where the answer's text is not what was trained on (several answers, tokens)
 */
export function cutRow(
  example: Example,
  { spans = [] }: Pick<ScanRow, 'spans'>,
  tokenizer: Tokenizer,
): Example | undefined {
  // labels[t + 1] is what position t predicts
  const ids = supervised(example.labels).map((t) => example.ids[t + 1]);
  const isSpecial = (id: number): boolean => tokenizer.decode([id], { skipSpecialTokens: true }) === '';
  const answer = ids.slice(0, ids.findLastIndex((id) => !isSpecial(id)) + 1);
  if (tokenizer.decode(answer).trim() !== example.answer.trim()) return undefined;
  const kept = answer.filter((_, i) => !spans.some(([start, end]) => i >= start && i < end));
  const text = tokenizer.decode(kept).trim();
  if (text === '' || kept.length === answer.length) return undefined;
  const content: RowContent = example.prompt
    ? { kind: 'chat', messages: [...example.prompt, { role: 'assistant', content: text }] }
    : { kind: 'completion', prompt: example.promptText, completion: text };
  try {
    return { ...example, ...exampleFrom(content, tokenizer, example) };
  } catch (error) {
    if (error instanceof InvalidRow) return undefined;
    throw error;
  }
}
