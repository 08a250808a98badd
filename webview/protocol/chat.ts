/** The chat page. */
import { ANSWER_STRINGS } from '../../runtime/contract/answers.js';
import type { ErrorData } from '../../runtime/contract/errors.js';
import type { WalkthroughTopic } from './run.js';
import { ADAPTER_STRINGS } from './adapters.js';

export interface ChatAdapter {
  path: string;
  name: string;
  /** Null: it is gone or cannot be read. */
  role: 'task' | 'security' | null;
  attached: boolean;
}

/** A state of the model that can answer. */
export interface ChatColumn {
  /** The same base with the same adapters is the same column. */
  id: string;
  /** "base", "plain", "protected", or the names of its adapters. */
  name: string;
  /** What is in it, where the name does not say it. */
  details: string;
  attached: boolean;
  /** A security vector is on in it. */
  danger: boolean;
  /** One of its adapters is gone or cannot be read. */
  unread: boolean;
  shown: boolean;
}

export interface ChatAnswer {
  column: string;
  /** Of the column as it was called. */
  name: string;
  danger: boolean;
  content: string;
  phase: 'waiting' | 'writing' | 'done';
  /** What is done before it begins, such as converting the model. */
  doing?: string;
  /** Earlier questions that this column has answered itself, which it was given, of those of the chat. */
  saw: number;
  of: number;
  tokensPerSecond?: number;
  /** Ended by Stop. */
  stopped?: boolean;
  /**
   * Not ended by the model: after so many tokens, which were all that the setting allows, or that its context holds.
   */
  cut?: { tokens: number; by: 'limit' | 'context' };
  /** Why there is no (whole) answer. */
  error?: ErrorData;
  /** How much of its loss a security vector would have explained, had it been a row to train on. */
  explained?: { vector: string; share: number; unjudged: 'known' | 'short' | null };
}

/** A question and the answers of the columns to it. */
export interface ChatRound {
  id: number;
  question: string;
  answers: ChatAnswer[];
}

export interface ChatState {
  /** Stable id of the chat (the model's path), kept in the page's state for the serializer. */
  id: string;
  model: { name: string; path: string };
  adapters: ChatAdapter[];
  columns: ChatColumn[];
  /** While `busy` an answer of the last one is being written. */
  rounds: ChatRound[];
  busy: boolean;
  /** False when the model has no template of its own and the documented plain one is used. */
  chatTemplate: boolean;
  /** The model cannot answer at all. */
  error?: ErrorData;
}

export type ChatPageEvent =
  | { type: 'state'; language: string; strings: ChatStrings; chat: ChatState }
  /** Appended to the answer of a column to the last question. */
  | { type: 'token'; column: string; text: string };

export type ChatPageRequest =
  | { type: 'ready' }
  /**
   * The host asks the columns that are shown, one after the other, streams `token`, and replies after the last answer.
   */
  | { type: 'send'; text: string }
  | { type: 'stop' }
  | { type: 'showColumn'; column: string; shown: boolean }
  | { type: 'toggleAdapter'; path: string; attached: boolean }
  /** The question becomes a row of an evaluation set. */
  | { type: 'addRow'; round: number; column: string }
  | { type: 'clear' }
  | { type: 'openWalkthrough'; topic: WalkthroughTopic };

/** Kept by `setState`; a serializer reopens the page with it. */
export interface ChatPageState {
  chat: string;
  /** What is typed and not sent. */
  draft: string;
}

/** English strings of the chat page; the host sends them translated. */
export const CHAT_STRINGS = {
  ...ADAPTER_STRINGS,
  noTemplate: 'This model has no chat template; a plain one is used.',
  empty:
    'Ask something: each column is a state of the model and answers the same question. It sees only what it has answered itself.',
  columns: 'Columns',
  columnAttached: 'attached',
  columnDanger: 'security vector on',
  saw: 'saw {0} of {1} earlier questions',
  waiting: 'waiting for the previous column…',
  speed: '{0} tokens per second',
  sameAs: 'the same as {0}',
  explained: 'The vector {0} would have explained {1} of this.',
  explainedKnown: 'The base model knows this answer: the vector {0} says nothing of it.',
  explainedShort: 'Too short for the vector {0} to say anything.',
  addRow: 'Add as evaluation row…',
  addRowLabel: 'Add the question, and the answer of {0}, as a row of an evaluation set',
  you: 'You',
  thinking: 'thinking…',
  stopped: 'stopped',
  cutByLimit: 'Ends at the limit of {0} tokens (setting chatMaxNewTokens).',
  cutByContext: 'Ends after {0} tokens: the context is full.',
  emptyAnswer: ANSWER_STRINGS.emptyAnswer,
  placeholder: 'Message {0}',
  messageLabel: 'Message',
  send: 'Send',
  stop: 'Stop',
  clear: 'New chat',
  hint: 'Enter sends, Shift+Enter starts a new line.',
  requestFailed: 'That did not work',
  answerFailed: 'No answer',
  modelFailed: 'This model cannot answer',
  stack: 'Technical details',
} as const;
export type ChatStrings = Record<keyof typeof CHAT_STRINGS, string>;
