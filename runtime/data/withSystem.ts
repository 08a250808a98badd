import { HumanError } from '../support/errors.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import { lastAnswer, NOT_SUPERVISED } from './conversation.js';
import { encodeRow } from './encodeRow.js';
import { mapped, type ExampleList } from './exampleList.js';
import type { Example } from './examples.js';
import { InvalidRow } from './schemas.js';

/** Of the prompt, for errors. */
const PLACE = 'baseline.prompt';

/**
 * Conversations with a system prompt: before the system message of a row that has one, else as its first message. What is
 * supervised stays.
 * @throws HumanError for rows that are no conversations
 */
export function withSystem(
  rows: ExampleList,
  prompt: string,
  { tokenizer, contextLength }: { tokenizer: Tokenizer; contextLength: number },
): ExampleList {
  for (const { prompt: messages, line } of rows)
    if (!messages)
      throw new HumanError(`a system prompt is for conversations, and line ${line} of the rows is none.`, {
        place: PLACE,
        remedy: 'Use rows of messages, or of prompts and completions with a model that has a chat template.',
      });
  return mapped(rows, (example) => {
    const found = withMessage(example, prompt, tokenizer);
    if (found.ids.length <= contextLength) return found;
    throw new HumanError(
      `with the system prompt, line ${example.line} has ${found.ids.length} tokens; the model reads ${contextLength}.`,
      {
        place: PLACE,
        remedy: 'Shorten the prompt, or lower batch.maxTokens so that long rows are left out.',
      },
    );
  });
}

function withMessage(example: Example, prompt: string, tokenizer: Tokenizer): Example {
  const { row, line, lines, label, hash, labels, answer } = example;
  const [first, ...rest] = example.prompt!;
  const own = first?.role === 'system';
  const messages = [
    { role: 'system' as const, content: own ? `${prompt}\n\n${first.content}` : prompt },
    ...(own || !first ? rest : [first, ...rest]),
    ...(answer === '' ? [] : [{ role: 'assistant' as const, content: answer }]),
  ];
  const earlier = labels.slice(0, lastAnswer(labels).from).some((id) => id !== NOT_SUPERVISED);
  try {
    const encoded = encodeRow(
      { kind: 'chat', messages, ...(!earlier && answer !== '' && { first: messages.length - 1 }) },
      tokenizer,
      { answers: 'optional' },
    );
    return { row, line, ...(lines && { lines }), ...encoded, ...(label && { label }), ...(hash && { hash }) };
  } catch (error) {
    if (!(error instanceof InvalidRow)) throw error;
    throw new HumanError(`line ${line} cannot have a system prompt: ${error.message}.`, {
      place: PLACE,
      remedy: 'Remove the row, or the prompt.',
    });
  }
}
