import type { ChatMessage } from '../protocol.js';
import type { ChatTemplate } from '../models/chatTemplate.js';
import type { Tokenizer } from '../models/tokenizer.js';
import { RefusedRow, UnfitRow } from './schemas.js';

/** Tokens with their labels, and the prompt before the last answer. */
export interface Supervised {
  ids: number[];
  /** Unshifted; −100 where not supervised. */
  labels: number[];
  promptIds: number[];
  promptText: string;
}

export const NOT_SUPERVISED = -100;

/**
 * A conversation up to its last answer, with every answer supervised: its tokens, and the end-of-turn token that the
 * template writes after it (what a model must say to stop), but not the line break that a template may put after that.
 *
 * Answers are found exactly, whatever the template: the tokens of the conversation before an answer, with the generation
 * prompt, must be the first tokens of the conversation with the answer. What follows them is the answer. Where a template
 * or tokenizer does not have this property, the row is refused.
 * @throws RefusedRow with the reason, and what `checkLength` throws.
 */
export function superviseConversation(
  messages: readonly ChatMessage[],
  tokenizer: Tokenizer,
  template: ChatTemplate,
  checkLength: (tokens: number) => void = () => undefined,
): Supervised {
  const last = messages.findLastIndex((message) => message.role === 'assistant');
  if (last < 0) throw new RefusedRow('the row has no answer: no message of the assistant');
  if (messages[last]!.content.trim() === '') throw new RefusedRow('the answer is empty');
  const encode = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });
  const text = template.render(messages.slice(0, last + 1), { addGenerationPrompt: false });
  const ids = encode(text);
  // Before the answers are looked for, which takes time in the square of a conversation's length.
  checkLength(ids.length);
  const labels = new Array<number>(ids.length).fill(NOT_SUPERVISED);
  /** Where an answer ends that more messages follow. */
  const innerEnd = (i: number, from: number): number => {
    const turn = encode(template.render(messages.slice(0, i + 1), { addGenerationPrompt: false }));
    if (turn.length > from && startsWith(ids, turn)) return turnEnd(turn, from, tokenizer);
    // Written differently as the last message (some templates show only the last answer's reasoning): up to the end token.
    const end = ids.findIndex((id, t) => t >= from && tokenizer.eosIds.includes(id));
    if (end >= 0 && !encode(messages[i]!.content).some((id) => tokenizer.eosIds.includes(id))) return end + 1;
    throw new UnfitRow(`the end of message ${i + 1} cannot be found in what the chat template writes`);
  };
  let promptIds: number[] = [];
  let promptText = '';
  for (const [i, message] of messages.slice(0, last + 1).entries()) {
    if (message.role !== 'assistant') continue;
    promptText = template.render(messages.slice(0, i), { addGenerationPrompt: true });
    promptIds = encode(promptText);
    if (!startsWith(ids, promptIds))
      throw new UnfitRow(
        text.startsWith(promptText)
          ? `the beginning of message ${i + 1} and the text before it become one token, so that the answer’s tokens cannot be told apart`
          : 'the chat template writes a conversation with its answer differently from the prompt for that answer, so that the answer’s tokens cannot be told apart',
      );
    const end = i === last ? turnEnd(ids, promptIds.length, tokenizer) : innerEnd(i, promptIds.length);
    for (let t = promptIds.length; t < end; t++) labels[t] = ids[t]!;
  }
  if (supervisedTokens(labels) === 0) throw new UnfitRow('the chat template writes no token for the answer');
  return { ids, labels, promptIds, promptText };
}

/** Behind the last end token of an answer if only white space follows it, else behind everything. */
function turnEnd(ids: number[], from: number, tokenizer: Tokenizer): number {
  const end = ids.findLastIndex((id) => tokenizer.eosIds.includes(id));
  if (end < from) return ids.length;
  return tokenizer.decode(ids.slice(end + 1)).trim() === '' ? end + 1 : ids.length;
}

/** Tokens that have a label and a token before them, which is what predicts them. */
export function supervisedTokens(labels: readonly number[]): number {
  let count = 0;
  for (let t = 1; t < labels.length; t++) if (labels[t] !== NOT_SUPERVISED) count++;
  return count;
}

/**
 * A prompt and its completion as one text, for models without a chat template: what the tokenizer puts before a text, the
 * prompt, the completion, the end-of-text token. The completion and the end are supervised.
 * @throws RefusedRow when prompt and completion share a token.
 */
export function superviseCompletion(prompt: string, completion: string, tokenizer: Tokenizer): Supervised {
  const encode = (text: string): number[] => [
    ...tokenizer.prefixIds,
    ...tokenizer.encode(text, { addSpecialTokens: false }),
  ];
  const promptIds = encode(prompt);
  const ids = [...encode(prompt + completion), ...tokenizer.eosIds.slice(0, 1)];
  if (!startsWith(ids, promptIds))
    throw new UnfitRow(
      'the end of the prompt and the beginning of the completion become one token; put the white space between them into the completion',
    );
  const labels = ids.map((id, t) => (t < promptIds.length ? NOT_SUPERVISED : id));
  return { ids, labels, promptIds, promptText: prompt };
}

function startsWith(ids: number[], start: number[]): boolean {
  return start.length <= ids.length && start.every((id, t) => ids[t] === id);
}
