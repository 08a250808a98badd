import { HumanError } from '../support/errors.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import type { RowContent } from './schemas.js';

/**
 * Finds prompts that are texts and already hold what a chat template writes around a message, which would be written around them
 * once more: the first such token of a row, as text.
 */
export function templateMarks(tokenizer: Tokenizer): (content: RowContent) => string | undefined {
  let marks: readonly string[] | undefined;
  return (content) =>
    content.kind === 'completion'
      ? (marks ??= marksOf(tokenizer)).find((mark) => content.prompt.includes(mark))
      : undefined;
}

/** The added tokens that the model's own template writes around a message. */
function marksOf({ chatTemplate, encode, decode, addedIds }: Tokenizer): string[] {
  if (!chatTemplate || chatTemplate.plain) return [];
  try {
    const text = chatTemplate.render([{ role: 'user', content: 'A question?' }], { addGenerationPrompt: true });
    const added = encode(text, { addSpecialTokens: false }).filter((id) => addedIds.has(id));
    return [...new Set(added)].map((id) => decode([id]).trim()).filter((mark) => mark !== '');
  } catch (error) {
    // Whoever uses the template is told what is wrong with it.
    if (error instanceof HumanError) return [];
    throw error;
  }
}
