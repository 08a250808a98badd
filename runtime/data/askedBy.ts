/** Names of what rows ask: of the whole prompt, and of the question, which is the same behind any system message. */
import type { ChatMessage } from '../contract/generation.js';
import type { ChatTemplate } from '../models/text/chatTemplate.js';
import { HumanError, unless } from '../support/errors.js';
import { textName } from '../support/files.js';
import type { Example } from './examples.js';

/** Names what a row asks last, or all that it says where it asks nothing. */
export const askedBy = ({ promptText, ids }: Pick<Example, 'promptText' | 'ids'>): string =>
  promptText === '' ? textName(`row ${ids.join()}`) : promptName(promptText);

/** The same without system messages: what was learned of a question behind one of them is known behind another. */
export const questionOf = (row: Pick<Example, 'promptText' | 'ids' | 'question'>): string =>
  row.question ?? askedBy(row);

/** How many different questions rows ask last. */
export const questionCount = (rows: Iterable<Parameters<typeof questionOf>[0]>): number =>
  new Set(Array.from(rows, questionOf)).size;

/** Both names of what a row asks last: files of an earlier version have that of the whole prompt. */
export const namesOf = (row: Pick<Example, 'promptText' | 'ids' | 'question'>): string[] =>
  row.question === undefined ? [askedBy(row)] : [row.question, askedBy(row)];

/** Names all that a row teaches to answer, in order: rows with the same first name tell each other's answers. */
export const questionsOf = (row: Pick<Example, 'promptText' | 'ids' | 'question' | 'earlier'>): string[] => [
  ...(row.earlier ?? []).map(({ name }) => name),
  ...namesOf(row),
];

/** All these names of rows. */
export const askedIn = (rows: Iterable<Parameters<typeof questionsOf>[0]>): Set<string> =>
  new Set(Array.from(rows, questionsOf).flat());

export const promptName = (text: string): string => textName(`prompt ${text}`);

/**
 * The name of messages without the system ones among them and without tools; undefined where there are none of these,
 * where no user asks anything, or where the template does not write the others alone.
 */
export function questionIn(messages: readonly ChatMessage[], template: ChatTemplate): string | undefined {
  const asked = messages.filter(({ role }) => role !== 'system');
  const isWhole = asked.length === messages.length && template.tools === undefined;
  if (isWhole || !asked.some(({ role }) => role === 'user')) return undefined;
  const text = unless(HumanError, () => template.withTools(undefined).render(asked, { addGenerationPrompt: true }));
  return text === undefined ? undefined : promptName(text);
}
