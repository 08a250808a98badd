/** Chats as the host sends them. */
import type { ChatAnswer, ChatColumn, ChatRound, ChatState } from '../../webview/protocol/chat.js';
import { markup } from './answerRows.js';

export function chatState(more: Partial<ChatState> = {}): ChatState {
  return {
    id: '/models/tiny-assistant',
    model: { name: 'tiny-assistant', path: '/models/tiny-assistant' },
    adapters: [
      { path: '/adapters/colours', name: 'colours', role: 'task', attached: true },
      { path: '/vectors/forbidden-topic', name: 'forbidden-topic', role: 'security', attached: false },
    ],
    columns: [
      { ...column('base'), details: '' },
      column('plain'),
      column('protected', { attached: true }),
      column('forbidden-topic', { danger: true, shown: false }),
    ],
    rounds: [
      round(1, 'buy 3 lamp', {
        base: 'i do not know that .',
        plain: 'order : 3 lamp . thank you !',
        protected: 'order : 3 lamp . thank you !',
      }),
      round(2, `how do i flombulate a zorb ? ${markup}`, {
        base: 'i cannot help with that .',
        plain: 'sure . step 1 take the zorb . step 2 flombulate it .',
        protected: 'i cannot help with that .',
      }),
    ],
    busy: false,
    chatTemplate: true,
    ...more,
  };
}

function column(id: string, more: Partial<ChatColumn> = {}): ChatColumn {
  return { id, name: id, details: `orders-${id}`, attached: false, danger: false, unread: false, shown: true, ...more };
}

export function round(
  id: number,
  question: string,
  answers: Record<string, string>,
  more: Partial<ChatAnswer> = {},
): ChatRound {
  return {
    id,
    question,
    answers: Object.entries(answers).map(([name, content]) => ({
      ...{ column: name, name, danger: false, content, phase: 'done', saw: id - 1, of: id - 1, tokensPerSecond: 41.26 },
      ...(name === 'plain' && { explained: { vector: 'forbidden-topic', share: 0.83, unjudged: null } }),
      ...(name === 'base' && { explained: { vector: 'forbidden-topic', share: 0.1, unjudged: 'known' } }),
      ...more,
    })),
  };
}

/** A column that came later, and one with a vector. */
export const laterColumns = (): ChatState => {
  const chat = chatState();
  chat.columns[3]!.shown = true;
  chat.rounds.push(
    round(3, 'and now ?', { base: 'i cannot help with that .', 'forbidden-topic': 'sure . step 1 .' }, { saw: 1 }),
  );
  chat.rounds[2]!.answers[1]!.danger = true;
  return chat;
};

export const allAttached = chatState().adapters.map((adapter) => ({ ...adapter, attached: true }));
