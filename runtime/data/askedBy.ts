/**
 * Names of what rows ask: of the whole prompt, and of the question, which is the same behind any system message. Two
 * prompts that differ in case, white space and punctuation at most have one name: what is learned of the one is known
 * of the other, and both are one prompt where an interval counts them.
 */
import type { ChatMessage } from '../contract/generation.js';
import type { ChatTemplate } from '../models/text/chatTemplate.js';
import { HumanError, unless } from '../support/errors.js';
import { textName } from '../support/files.js';
import type { Example } from './examples.js';

/** Names what a row asks last, to the letter, or all that it says where it asks nothing. */
export const askedBy = ({ promptText, ids }: Pick<Example, 'promptText' | 'ids'>): string =>
  promptText === '' ? textName(`row ${ids.join()}`) : writtenName(promptText);

/** Names all that a row says, as tokens. */
export const wholeName = ({ ids }: Pick<Example, 'ids'>): string => textName(ids.join());

/** Of a prompt, to the letter: files of an earlier version have these names. */
export const writtenName = (text: string): string => textName(`prompt ${text}`);

const promptOf = (row: Pick<Example, 'promptText' | 'ids'>): string =>
  row.promptText === '' ? askedBy(row) : promptName(row.promptText);

/** The same without system messages: what was learned of a question behind one of them is known behind another. */
export const questionOf = (row: Pick<Example, 'promptText' | 'ids' | 'question'>): string =>
  row.question ?? promptOf(row);

/** How many different questions rows ask last. */
export const questionCount = (rows: Iterable<Parameters<typeof questionOf>[0]>): number =>
  new Set(Array.from(rows, questionOf)).size;

/** Both names of what a row asks last. */
const namesOf = (row: Pick<Example, 'promptText' | 'ids' | 'question'>): string[] =>
  row.question === undefined ? [promptOf(row)] : [row.question, promptOf(row)];

/** Whether what a row asks last is among these names; those of a file of an earlier version are to the letter. */
export const isAmong = (
  names: ReadonlySet<string>,
  row: Pick<Example, 'promptText' | 'ids' | 'question' | 'questionWritten'>,
): boolean =>
  [...namesOf(row), askedBy(row), row.questionWritten].some((name) => name !== undefined && names.has(name));

/** Names all that a row teaches to answer, in order: rows with the same first name tell each other's answers. */
export const questionsOf = (row: Pick<Example, 'promptText' | 'ids' | 'question' | 'earlier'>): string[] => [
  ...(row.earlier ?? []).map(({ name }) => name),
  ...namesOf(row),
];

/** Whether any of what a row teaches to answer is among these names. */
export const isTaught = (
  names: ReadonlySet<string>,
  row: Parameters<typeof isAmong>[1] & Pick<Example, 'earlier'>,
): boolean =>
  isAmong(names, row) ||
  (row.earlier ?? []).some(({ name, written }) => names.has(name) || (written !== undefined && names.has(written)));

/** All these names of rows. */
export const askedIn = (rows: Iterable<Parameters<typeof questionsOf>[0]>): Set<string> =>
  new Set(Array.from(rows, questionsOf).flat());

export const promptName = (text: string): string => textName(`prompt ${plain(text)}`);

/** Marks that end what is said; "!" only behind a word: "5! + 1" is not "5 + 1". */
const MARKS = '.,;:?\u2026\u061f\u0964\u3001\u3002\uff0c\uff1f';
const ENDING = new RegExp(
  `[${MARKS}]+(?![${MARKS}\\p{L}\\p{N}])|(?<=\\p{L}{2}[${MARKS}\\s]*)[!\uff01]+(?![=\\p{L}\\p{N}])|[\u00a1\u00bf]`,
  'gu',
);

/** Punctuation within a word or a number says something: "3.5" is not "35". */
const plain = (text: string): string =>
  text
    .normalize('NFC')
    .toLowerCase()
    .replace(ENDING, '')
    .replace(/\s+/gu, ' ')
    .replace(/(?<![\p{L}\p{M}\p{N}]) | (?![\p{L}\p{N}])/gu, '');

/**
 * Messages without the system ones among them and without tools, as the template writes them; undefined where there are
 * none of these, where no user asks anything, or where the template does not write the others alone.
 */
export function questionIn(messages: readonly ChatMessage[], template: ChatTemplate): string | undefined {
  const asked = messages.filter(({ role }) => role !== 'system');
  const isWhole = asked.length === messages.length && template.tools === undefined;
  if (isWhole || !asked.some(({ role }) => role === 'user')) return undefined;
  return unless(HumanError, () => template.withTools(undefined).render(asked, { addGenerationPrompt: true }));
}

/** The names of what they ask, as a row has them; nothing without a text. */
export const namedQuestion = (text: string | undefined): Pick<Example, 'question' | 'questionWritten'> =>
  text === undefined ? {} : { question: promptName(text), questionWritten: writtenName(text) };
