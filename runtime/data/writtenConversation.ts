import type { ChatMessage } from '../contract/generation.js';
import {
  changedBy,
  commonLength,
  endOf,
  headLength,
  innerEndOf,
  INSEPARABLE,
  startsWith,
  type Span,
  writtenAgain,
  type Written,
} from './answerSpans.js';
import type { ChatTemplate } from '../models/text/chatTemplate.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import { HumanError, unless } from '../support/errors.js';
import { UnfitRow } from './invalidRow.js';

/** Contents that a message has in the place of its own, to see what changes with it. */
const OTHER_CONTENTS = ['?', '!'];

/** A conversation as a template writes it, and where its answers are. Messages are counted from 0. */
interface WrittenConversation {
  whole: Written;
  /** What comes before answer i, with the generation prompt; undefined where the template cannot write it. */
  promptOf(i: number): Written | undefined;
  /**
   * The tokens of answer i, behind its prompt.
   * @throws UnfitRow where they cannot be separated from others.
   */
  answerSpan(i: number, prompt: Written | undefined): Span;
}

/** @param messages the last one is an answer */
export function writtenConversation(
  messages: readonly ChatMessage[],
  tokenizer: Tokenizer,
  template: ChatTemplate,
): WrittenConversation {
  const last = messages.length - 1;
  const text = (part: readonly ChatMessage[], addGenerationPrompt = false): string =>
    template.render(part, { addGenerationPrompt });
  const write = (part: readonly ChatMessage[], addGenerationPrompt = false): Written => {
    const written = text(part, addGenerationPrompt);
    return { text: written, ids: tokenizer.encode(written, { addSpecialTokens: false }) };
  };
  const whole = write(messages);

  /** The conversation in which message i says something else, and calls nothing. */
  const saying = (i: number, content: string): ChatMessage[] =>
    messages.with(i, { ...messages[i], content, tool_calls: undefined });
  /** The conversation in which message i calls something else. */
  const calling = (i: number, name: string): ChatMessage[] =>
    messages.with(i, {
      ...messages[i],
      tool_calls: messages[i].tool_calls!.map((call) => ({ ...call, function: { ...call.function, name } })),
    });
  /** The texts with other answers; undefined where the template rejects them, as those of tools that nobody has called. */
  const tried = (i: number): string[] | undefined =>
    unless(HumanError, () => OTHER_CONTENTS.map((content) => text(saying(i, content))));
  const others = (i: number): string[] => {
    const texts = tried(i);
    if (texts) return texts;
    throw new UnfitRow(`the chat template rejects the conversation with another answer, ${INSEPARABLE}`);
  };
  /** Where the content of the message after message i begins: from there on, other content makes other tokens. */
  const nextContent = (i: number): number => {
    const next = unless(HumanError, () => write(saying(i + 1, messages[i + 1].content.startsWith('?') ? '!' : '?')));
    return next ? commonLength(whole.ids, next.ids) : 0;
  };

  /** The calls of message i, found as those of the last message and with other calls. */
  const calledAgain = (i: number): Span => {
    const before = messages.slice(0, i);
    const parts = unless(HumanError, () => ({
      turn: text([...before, messages[i]]),
      others: OTHER_CONTENTS.map((content) => text([...before, { role: 'assistant', content }])),
      calling: OTHER_CONTENTS.map((name) => text(calling(i, name))),
    }));
    if (parts) return writtenAgain(parts, whole, tokenizer);
    throw new UnfitRow(`the chat template rejects the conversation with another call, ${INSEPARABLE}`);
  };
  /** Answer i of a text that does not begin with the prompt for it. */
  const changedSpan = (i: number, prompt: Written | undefined): Span => {
    const message = messages[i];
    const isInnerCall = message.tool_calls && i < last;
    const again = isInnerCall ? unless(UnfitRow, () => calledAgain(i)) : undefined;
    if (again) return again;
    const texts = message.tool_calls ? tried(i) : others(i);
    const span = texts ? changedBy(texts, message, whole, prompt, tokenizer) : calledAgain(i);
    // A template may write results otherwise, or not at all, where nothing is called.
    if (isInnerCall && span.end > nextContent(i))
      throw new UnfitRow(`the chat template writes a call and its result as one, ${INSEPARABLE}`);
    return span;
  };

  return {
    whole,
    // Some templates cannot write a conversation of no message, which an answer that opens one follows.
    promptOf: (i) => (i === 0 ? unless(HumanError, () => write([], true)) : write(messages.slice(0, i), true)),
    answerSpan(i, prompt) {
      const message = messages[i];
      if (!whole.text.includes(message.content.trim()) && others(i).every((one) => one === whole.text))
        throw new UnfitRow('the chat template does not write the answer');
      if (!prompt || !startsWith(whole.ids, prompt.ids)) return changedSpan(i, prompt);
      const isAsked = i > 0 || prompt.text !== (unless(HumanError, () => text([])) ?? '');
      const head = isAsked ? 0 : headLength(prompt, whole, () => unless(UnfitRow, () => others(i)), tokenizer);
      const from = prompt.ids.length + head;
      const end =
        i === last
          ? endOf(whole, whole.ids.length, from, tokenizer, () => others(i))
          : innerEndOf(
              message,
              whole,
              write(messages.slice(0, i + 1)),
              from,
              tokenizer,
              () => others(i),
              () => nextContent(i),
            );
      return { from, end };
    },
  };
}
