/** What rows say, whichever their format. */
import type { ChatMessage } from '../contract/generation.js';
import { InvalidRow } from './invalidRow.js';

/** The content of a row, whatever its format. */
export type RowContent =
  /**
   * `unlearned`: answers that belong to the prompt and are not supervised, by their index. `tools`: what may be called,
   * as the text of a list of JSON.
   */
  | { kind: 'chat'; messages: ChatMessage[]; unlearned?: number[]; tools?: string }
  /** `completion` is missing in rows that only ask; `system` and `tools` are what stands beside the prompt. */
  | { kind: 'completion'; prompt: string; completion?: string; system?: string; tools?: string }
  | { kind: 'text'; text: string }
  /** Labels are unshifted: `labels[t]` is `ids[t]`, or −100 where it is not supervised. */
  | { kind: 'tokens'; ids: number[]; labels: number[] };

/**
 * An answer to a conversation, alone supervised.
 * @param tools as the text of a list of JSON
 */
export const answerTo = (
  messages: readonly ChatMessage[],
  answer: string | ChatMessage,
  tools?: string,
): RowContent => ({
  kind: 'chat',
  messages: [...messages, typeof answer === 'string' ? { role: 'assistant', content: answer } : answer],
  unlearned: answersIn(messages),
  ...(tools !== undefined && { tools }),
});

/** Messages of the assistant, by their index. */
export const answersIn = (messages: readonly ChatMessage[]): number[] =>
  messages.flatMap(({ role }, i) => (role === 'assistant' ? i : []));

/** By their index. */
export const learnedAnswers = (messages: readonly ChatMessage[], unlearned: readonly number[] = []): number[] =>
  answersIn(messages).filter((i) => !unlearned.includes(i));

/** @throws InvalidRow where an answer that is learned says nothing: it would be learned that nothing is said. */
export function checkAnswers(messages: readonly ChatMessage[], unlearned?: readonly number[]): void {
  const answers = learnedAnswers(messages, unlearned);
  const last = answers.at(-1);
  const empty = answers.find((i) => !messages[i].content.trim() && !messages[i].tool_calls) ?? -1;
  if (empty >= 0)
    throw new InvalidRow(empty === last ? 'the answer is empty' : `the answer in message ${empty + 1} is empty`);
}

/** Whether there is something to learn in the row; else it only asks. */
export const isAnswered = (content: RowContent): boolean =>
  content.kind === 'chat'
    ? learnedAnswers(content.messages, content.unlearned).length > 0
    : content.kind !== 'completion' || content.completion !== undefined;

/** All texts of a row, as they stand in it; none of rows of tokens. */
export function textsIn(content: RowContent): string[] {
  switch (content.kind) {
    case 'chat':
      return [...content.messages.flatMap(textsOf), ...(content.tools === undefined ? [] : [content.tools])];
    case 'completion':
      return [content.prompt, content.completion, content.system, content.tools].filter((text) => text !== undefined);
    case 'text':
      return [content.text];
    case 'tokens':
      return [];
  }
}

const textsOf = ({ content, tool_calls: calls = [] }: ChatMessage): string[] => [
  content,
  ...calls.flatMap(({ function: { name, arguments: given } }) => [name, given]),
];
