import { HumanError, unless } from '../support/errors.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import type { RowContent } from './rowContent.js';

/** A token that a row holds already, as text, and what writes it once more. */
export interface Twice {
  readonly mark: string;
  readonly by: 'template' | 'tokenizer';
}

/**
 * Finds rows that are texts and already hold what is written to them: around a prompt by the chat template, or before a
 * text by the tokenizer. They stay as they are, as in transformers.
 */
export function writtenTwice(tokenizer: Tokenizer): (content: RowContent, ids: readonly number[]) => Twice | undefined {
  const { chatTemplate, prefixIds, decode } = tokenizer;
  let marks: readonly string[] | undefined;
  return (content, ids) => {
    if (content.kind === 'completion' && chatTemplate && !chatTemplate.plain) {
      const mark = (marks ??= marksOf(tokenizer)).find((one) => content.prompt.includes(one));
      return mark === undefined ? undefined : { mark, by: 'template' };
    }
    if (content.kind !== 'completion' && content.kind !== 'text') return undefined;
    const begins = prefixIds.length > 0 && prefixIds.every((id, i) => ids[prefixIds.length + i] === id);
    return begins ? { mark: decode(prefixIds), by: 'tokenizer' } : undefined;
  };
}

/** The added tokens that the model's own template writes around a message. */
function marksOf({ chatTemplate, encode, decode, addedIds }: Tokenizer): string[] {
  if (!chatTemplate || chatTemplate.plain) return [];
  // Whoever uses the template is told what is wrong with it.
  const marks = unless(HumanError, () => {
    const text = chatTemplate.render([{ role: 'user', content: 'A question?' }], { addGenerationPrompt: true });
    const added = encode(text, { addSpecialTokens: false }).filter((id) => addedIds.has(id));
    return [...new Set(added)].map((id) => decode([id]).trim()).filter((mark) => mark !== '');
  });
  return marks ?? [];
}
