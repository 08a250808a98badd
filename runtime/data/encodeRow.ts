import type { Tokenizer } from '../models/text/tokenizer.js';
import type { ChatMessage } from '../contract/generation.js';
import { namedQuestion, promptName, questionIn, writtenName } from './askedBy.js';
import {
  beforeAnswer,
  lastAnswer,
  NOT_SUPERVISED,
  saidIn,
  superviseCompletion,
  superviseConversation,
  withoutEnd,
} from './conversation.js';
import { checkToolUse } from './toolUse.js';
import type { Supervised } from './conversation.js';
import { InvalidRow, TooLongRow } from './invalidRow.js';
import { learnedAnswers, type RowContent } from './rowContent.js';

/** A row as tokens. */
export interface EncodedRow extends Supervised {
  /** Messages before the last answer; only for conversations. */
  prompt?: ChatMessage[];
  /** The last answer that is learned; '' for rows that only ask. */
  answer: string;
  /** The last answer that is learned, where it calls tools: `answer` is what a model writes to call them. */
  said?: ChatMessage;
  /** What the conversation may call, as the text of a list of JSON. */
  tools?: string;
  /** Answers of `prompt` that are not supervised, by their index; absent where all are. */
  unlearned?: number[];
  /** A row of text or tokens: no answer of it could be written again. */
  asIs?: true;
}

interface LengthLimits {
  maxTokens?: number;
  contextLength?: number;
}

type EncodeOptions = LengthLimits & { answers?: 'required' | 'optional' };

/**
 * `prompt` and `completion` are a user's message and its answer when the model has a chat template of its own, behind
 * `system`, if there is one; else one text. A conversation without a chat template is written by the plain one. `text`
 * is supervised whole, as it is written: no end token is added.
 * @throws InvalidRow with the reason; HumanError when the template or the tokenizer cannot do it.
 */
export function encodeRow(content: RowContent, tokenizer: Tokenizer, options: EncodeOptions): EncodedRow {
  const row = encoded(content, tokenizer, options);
  checkIds(row, tokenizer.modelVocabSize ?? tokenizer.vocabSize);
  return row;
}

function encoded(content: RowContent, tokenizer: Tokenizer, options: EncodeOptions): EncodedRow {
  const answersOptional = options.answers === 'optional';
  if (content.kind === 'completion' && content.completion === undefined && !answersOptional)
    throw new InvalidRow('the row has no answer: "completion" is missing');
  const template = tokenizer.chatTemplate;
  if (content.kind === 'text') {
    const ids = tokenizer.encode(content.text);
    return { ids, labels: [...ids], promptIds: [], promptText: '', answer: content.text, asIs: true };
  }
  if (content.kind === 'tokens') {
    const { ids, labels } = content;
    const { from, end } = lastAnswer(labels);
    const promptIds = ids.slice(0, from);
    if (tokenizer.absent) return { ids, labels, promptIds, promptText: '', answer: '', asIs: true };
    const answer = tokenizer.decode(ids.slice(from, end), { skipSpecialTokens: true });
    const asked = { promptIds, promptText: tokenizer.decode(promptIds), ...earlierIn(ids, labels, from, tokenizer) };
    return { ids, labels, ...asked, answer, asIs: true };
  }
  if (content.kind === 'completion' && (!template || template.plain)) {
    const { prompt, completion, system, tools } = content;
    const [foreign] = Object.entries({ system, tools }).flatMap(([name, text]) => (text === undefined ? [] : [name]));
    if (foreign)
      throw new InvalidRow(
        `"${foreign}" is only written by a chat template, and the model has none: put it into the prompt`,
      );
    if (completion !== undefined)
      return { ...superviseCompletion(prompt, completion, tokenizer), answer: withoutEnd(completion, tokenizer) };
    const ids = [...tokenizer.prefixIds, ...tokenizer.encode(prompt, { addSpecialTokens: false })];
    return unanswered(ids, prompt);
  }
  const { unlearned = [] } = content.kind === 'chat' ? content : {};
  const said = content.kind === 'chat' ? content.messages : messagesOf(content);
  if (!template) throw new InvalidRow('the model has no chat template');
  const { tools } = content;
  const chat = tools === undefined ? template : template.withTools(tools);
  const given = tools !== undefined && { tools };
  // where answers are none that are learned, it is asked what the last of them answer
  const isAsking = answersOptional && learnedAnswers(said, unlearned).length === 0;
  const messages = isAsking ? said.slice(0, said.findLastIndex(({ role }) => role !== 'assistant') + 1) : said;
  if (answersOptional && messages.length > 0 && messages.at(-1)!.role !== 'assistant') {
    checkToolUse(messages, chat);
    const text = chat.render(messages, { addGenerationPrompt: true });
    const question = namedQuestion(questionIn(messages, chat));
    const opening = beforeAnswer(messages, text, tokenizer, chat);
    const ids = opening ?? tokenizer.encode(text, { addSpecialTokens: false });
    const row = { ...unanswered(ids, text), ...(opening && { opened: true as const }) };
    return { ...row, ...question, prompt: messages, ...given };
  }
  const supervised = superviseConversation(messages, tokenizer, chat, {
    unlearned,
    checkLength: (tokens) => {
      checkLength(tokens, options);
    },
  });
  const last = learnedAnswers(messages, unlearned).at(-1)!;
  const before = unlearned.filter((i) => i < last);
  const message = messages[last];
  return {
    ...supervised,
    ...(before.length > 0 && { unlearned: before }),
    prompt: messages.slice(0, last),
    answer: saidIn(message, lastIds(supervised), tokenizer),
    ...(message.tool_calls && { said: message }),
    ...given,
  };
}

/** The tokens of the last answer, without what the template writes before it. */
function lastIds({ ids, labels, promptIds, opened }: Supervised): number[] {
  const { from, end } = lastAnswer(labels);
  return ids.slice(opened ? Math.max(from, promptIds.length) : from, end);
}

/**
 * The first answer, where it ends before the answer that begins at token `from`, and its prompt: of many answers to
 * name each would take too long.
 */
function earlierIn(ids: number[], labels: number[], from: number, tokenizer: Tokenizer): Pick<Supervised, 'earlier'> {
  const isAnswer = (t: number): boolean => labels[t] !== NOT_SUPERVISED;
  const start = labels.findIndex((_, t) => t > 0 && t < from && isAnswer(t) && !isAnswer(t - 1));
  if (start < 0) return {};
  const end = labels.indexOf(NOT_SUPERVISED, start);
  const answer = tokenizer.decode(ids.slice(start, end), { skipSpecialTokens: true });
  const prompt = tokenizer.decode(ids.slice(0, start));
  return { earlier: [{ name: promptName(prompt), written: writtenName(prompt), answer }] };
}

function unanswered(ids: number[], promptText: string): EncodedRow {
  return { ids, labels: ids.map(() => NOT_SUPERVISED), promptIds: ids, promptText, answer: '' };
}

function messagesOf({ prompt, completion, system }: RowContent & { kind: 'completion' }): ChatMessage[] {
  return [
    ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
    { role: 'user', content: prompt },
    ...(completion === undefined ? [] : [{ role: 'assistant' as const, content: completion }]),
  ];
}

/** @throws InvalidRow for ids that the model does not have. */
function checkIds({ ids, labels }: Supervised, vocabulary: number): void {
  const foreign = ids.find((id) => id < 0 || id >= vocabulary);
  if (foreign !== undefined) throw new InvalidRow(`token ${foreign} is not in the model's vocabulary of ${vocabulary}`);
  const wrong = labels.find((target) => target !== NOT_SUPERVISED && (target < 0 || target >= vocabulary));
  if (wrong !== undefined)
    throw new InvalidRow(`label ${wrong} is neither −100 nor in the model's vocabulary of ${vocabulary}`);
}

/** @throws TooLongRow */
export function checkLength(tokens: number, { contextLength = Infinity, maxTokens = Infinity }: LengthLimits): void {
  if (tokens > contextLength)
    throw new TooLongRow(`the row has ${tokens} tokens, more than the model's context of ${contextLength}`, tokens);
  if (tokens > maxTokens)
    throw new TooLongRow(`the row has ${tokens} tokens, more than "maxTokens" (${maxTokens})`, tokens);
}
