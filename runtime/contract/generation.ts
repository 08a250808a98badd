/** What a model is asked to write, and how likely it finds a row. */
import type { ModelReference } from './modelInfo.js';
import type { GenerationOptions } from './recipeJudges.js';
import type { Computing } from './recipeWords.js';

export interface ScoreRow {
  row: number;
  /** Sum of the negative log-likelihood over supervised tokens, nats. */
  nll: number;
  /** Supervised tokens. */
  tokens: number;
}

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** Fields of a message in a data file that say whether it is learned. */
export const LEARNED = ['weight', 'train', 'training', 'loss'] as const;
export const isUnlearned = (message: Readonly<Record<string, unknown>>): boolean =>
  LEARNED.some((name) => message[name] === false || message[name] === 0);

/** What was said, without system messages. */
export const turnsOf = (messages: readonly ChatMessage[]): ChatMessage[] =>
  messages.filter(({ role }) => role !== 'system');

/**
 * What is asked, in words: the last message, or the conversation where more was said, for "Go on." says nothing by
 * itself. A system message is none of it.
 */
export function askedText(messages: readonly ChatMessage[]): string | undefined {
  const turns = turnsOf(messages);
  if (turns.length < 2) return messages.at(-1)?.content;
  return turns.map(({ role, content }) => `${role === 'user' ? 'User' : 'Assistant'}: ${content}`).join('\n');
}

export interface GenerateParams extends ModelReference, Computing {
  /** One of the three. */
  messages?: ChatMessage[];
  prompt?: string;
  ids?: number[];
  options: GenerationOptions & { seed?: number };
}
