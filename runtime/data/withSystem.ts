import { HumanError } from '../support/errors.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import { encodeRow } from './encodeRow.js';
import { mapped, type ExampleList } from './exampleList.js';
import type { Example } from './examples.js';
import { InvalidRow } from './invalidRow.js';
import type { RowContent } from './rowContent.js';

/** Of the prompt, for errors. */
const PLACE = 'baseline.prompt';

/**
 * Conversations with a system prompt: before the system message of a row that has one, else as its first message. What
 * is supervised stays. Each row is tried at once, as training may lie before it is read.
 * @param set the evaluation set that the rows are of; undefined: they are of the data
 * @throws HumanError for rows that are no conversations, and for those that become too long
 */
export function withSystem(
  rows: ExampleList,
  prompt: string,
  { tokenizer, contextLength, set }: { tokenizer: Tokenizer; contextLength: number; set?: string },
): ExampleList {
  const change = (example: Example): Example => {
    const place = `line ${example.line} of ${set === undefined ? 'the data' : `"${set}"`}`;
    if (!example.prompt)
      throw new HumanError(`a system prompt is for conversations, and ${place} is none.`, {
        place: PLACE,
        remedy: 'Use rows of messages, or of prompts and completions with a model that has a chat template.',
      });
    const found = withMessage(example, prompt, tokenizer, place);
    if (found.ids.length <= contextLength) return found;
    throw new HumanError(
      `with the system prompt, ${place} has ${found.ids.length} tokens; the model reads ${contextLength}.`,
      {
        place: PLACE,
        remedy: `Shorten the prompt, or ${set === undefined ? 'lower batch.maxTokens so that long rows are left out' : 'remove the row'}.`,
      },
    );
  };
  for (const row of rows) change(row);
  return mapped(rows, change);
}

function withMessage(example: Example, prompt: string, tokenizer: Tokenizer, place: string): Example {
  const { row, line, lines, label, hash, answer, unlearned = [], tools } = example;
  const said = example.said ?? { role: 'assistant' as const, content: answer };
  const [first, ...rest] = example.prompt!;
  const own = first?.role === 'system';
  const messages = [
    { role: 'system' as const, content: own ? `${prompt}\n\n${first.content}` : prompt },
    ...(own || !first ? rest : [first, ...rest]),
    ...(answer === '' ? [] : [said]),
  ];
  const shift = own ? 0 : 1;
  try {
    const content: RowContent = { kind: 'chat', messages, unlearned: unlearned.map((i) => i + shift), tools };
    const encoded = encodeRow(content, tokenizer, { answers: 'optional' });
    return { row, line, ...(lines && { lines }), ...encoded, ...(label && { label }), ...(hash && { hash }) };
  } catch (error) {
    if (!(error instanceof InvalidRow)) throw error;
    throw new HumanError(`${place} cannot have a system prompt: ${error.message}.`, {
      place: PLACE,
      remedy: 'Remove the row, or the prompt.',
    });
  }
}
