/** What a model is asked to write, and how likely it finds a row. */
import type * as z from 'zod';
import type { messageSchema } from './messageSchema.js';

export interface ScoreRow {
  row: number;
  /** Sum of the negative log-likelihood over supervised tokens, nats. */
  nll: number;
  /** Supervised tokens. */
  tokens: number;
}

export type ChatMessage = z.infer<typeof messageSchema>;
export type ToolCall = NonNullable<ChatMessage['tool_calls']>[number];

/** A call as people read it: `get_weather({"city":"Paris"})`. */
export const callText = ({ function: { name, arguments: given } }: ToolCall): string => `${name}(${compact(given)})`;

/** The same for the same JSON, but that numbers of many digits stay as they are written. */
function compact(json: string): string {
  try {
    return /\d{16}/.test(json) ? json : JSON.stringify(JSON.parse(json));
  } catch {
    return json;
  }
}

/** What a message says, with its calls. */
export const saidText = ({ content, tool_calls: calls = [] }: ChatMessage): string =>
  [...(content === '' && calls.length > 0 ? [] : [content]), ...calls.map(callText)].join('\n');

/** Fields of a message in a data file that say whether it is learned. */
export const LEARNED = ['weight', 'train', 'training', 'trainable', 'loss'] as const;
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
  return turns.map((turn) => `${SPEAKERS[turn.role]}: ${saidText(turn)}`).join('\n');
}

const SPEAKERS = { system: 'System', user: 'User', assistant: 'Assistant', tool: 'Tool' } as const;
