import { callText, type ChatMessage } from '../contract/generation.js';
import type { ChatTemplate } from '../models/text/chatTemplate.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import { promptName, questionIn } from './askedBy.js';
import { checkToolUse } from './toolUse.js';
import { HumanError, unless } from '../support/errors.js';
import { InvalidRow, UnfitRow } from './invalidRow.js';
import { checkAnswers, learnedAnswers } from './rowContent.js';

/** Tokens with their labels, and the prompt before the last answer. */
export interface Supervised {
  ids: number[];
  /** Unshifted: `labels[t]` is `ids[t]`, or −100 where it is not supervised. `logits[t]` predicts `labels[t + 1]`. */
  labels: number[];
  /**
   * What is asked: the tokens up to the last answer, with the generation prompt, or, where it is `opened`, with what
   * stands there in the row. Empty for `text`.
   */
  promptIds: number[];
  /** The same as text, always with the generation prompt. */
  promptText: string;
  /**
   * The tokens of `promptIds` end with what the template writes before an answer (see `beforeAnswer`), not with its
   * generation prompt.
   */
  opened?: true;
  /** Its name without its system messages (askedBy.ts); absent where it has none. */
  question?: string;
  /**
   * The answers before it that are supervised, too, with the names of their prompts (askedBy.ts); absent where there
   * are none.
   */
  earlier?: Answered[];
}

/** An answer, and the name of its prompt. */
export interface Answered {
  name: string;
  answer: string;
}

export const NOT_SUPERVISED = -100;

/** What a template writes, as text and as tokens. */
interface Written {
  text: string;
  ids: number[];
}

/**
 * A conversation up to its last answer, with every answer supervised that is not `unlearned`: its tokens, and the
 * end-of-turn token that the template writes after it (what a model must say to stop), but not what a template may put
 * after that.
 *
 * Answers are found exactly, whatever the template: the tokens of the conversation before an answer, with the
 * generation prompt, must be the first tokens of the conversation with the answer; what follows, up to where the
 * conversation that ends with this answer ends, is the answer. Where a template or tokenizer does not have this
 * property, and the answer cannot be found otherwise without doubt (see `changedBy`, `innerEndOf`), the row is skipped.
 * @throws InvalidRow with the reason, and what `checkLength` throws.
 */
export function superviseConversation(
  messages: readonly ChatMessage[],
  tokenizer: Tokenizer,
  template: ChatTemplate,
  { unlearned = [], checkLength }: { unlearned?: readonly number[]; checkLength?: (tokens: number) => void } = {},
): Supervised {
  const answers = learnedAnswers(messages, unlearned);
  const last = answers.at(-1);
  if (last === undefined)
    throw new InvalidRow(
      `the row has no answer: no message of the assistant${unlearned.length > 0 ? ' that is to be learned' : ''}`,
    );
  checkAnswers(messages, unlearned);
  const used = messages.slice(0, last + 1);
  checkToolUse(used, template);
  const write = (part: readonly ChatMessage[], addGenerationPrompt = false): Written => {
    const text = template.render(part, { addGenerationPrompt });
    return { text, ids: tokenizer.encode(text, { addSpecialTokens: false }) };
  };
  const whole = write(used);
  // Before the answers are looked for, which takes time in the square of a conversation's length.
  checkLength?.(whole.ids.length);
  const labels = new Array<number>(whole.ids.length).fill(NOT_SUPERVISED);
  /** The conversation in which message i says something else, and calls nothing. */
  const other = (i: number, content: string): ChatMessage[] =>
    used.with(i, { ...used[i], content, tool_calls: undefined });
  /** Where the content of the message after message i begins: from there on, other content makes other tokens. */
  const nextContent = (i: number): number =>
    commonLength(whole.ids, write(other(i + 1, used[i + 1].content.startsWith('?') ? '!' : '?')).ids);
  let prompt: Written = { text: '', ids: [] };
  let opening: number[] | undefined;
  let question: string | undefined;
  const earlier: Answered[] = [];
  for (const i of answers) {
    const message = used[i];
    // Some templates cannot write a conversation of no message, which an answer that opens one follows.
    const before = i === 0 ? unless(HumanError, () => write([], true)) : write(used.slice(0, i), true);
    prompt = before ?? { text: '', ids: [] };
    const others = (): string[] => {
      const texts = unless(HumanError, () =>
        ['?', '!'].map((content) => template.render(other(i, content), { addGenerationPrompt: false })),
      );
      if (texts) return texts;
      throw new UnfitRow(`the chat template rejects the conversation with another answer, ${INSEPARABLE}`);
    };
    if (!whole.text.includes(message.content.trim()) && others().every((text) => text === whole.text))
      throw new UnfitRow('the chat template does not write the answer');
    const from = prompt.ids.length;
    let span: Span;
    if (!before || !startsWith(whole.ids, prompt.ids)) span = changedBy(others(), message, whole, before, tokenizer);
    else if (i === last) span = { from, end: endOf(whole, whole.ids.length, from, tokenizer, others) };
    else {
      const turn = write(used.slice(0, i + 1));
      span = { from, end: innerEndOf(message, whole, turn, from, tokenizer, others, () => nextContent(i)) };
    }
    for (let t = span.from; t < span.end; t++) labels[t] = whole.ids[t];
    if (i === last && before && !isAnsweredBy(message, whole, before))
      opening =
        knownOpening(whole, before, tokenizer, template) ??
        beforeAnswer(used.slice(0, i), before.text, tokenizer, template);
    // A greeting answers nobody: it tells rows of no prompt from others.
    if (i < last && !used.slice(0, i).some(({ role }) => role === 'user')) continue;
    question = questionIn(used.slice(0, i), template);
    if (i < last) {
      const answer = saidIn(message, whole.ids.slice(span.from, span.end), tokenizer);
      earlier.push({ name: question ?? promptName(prompt.text), answer });
    }
  }
  if (supervisedTokens(labels) === 0) throw new UnfitRow('the chat template writes no token for the answer');
  // An answer with a thought of its own goes on from the generation prompt.
  const opened = opening !== undefined && startsWith(whole.ids, opening);
  return {
    ids: whole.ids,
    labels,
    promptIds: opened ? opening! : prompt.ids,
    promptText: prompt.text,
    ...(opened && { opened }),
    ...(question !== undefined && { question }),
    ...(earlier.length > 0 && { earlier }),
  };
}

/** What an answer says, of which these are the tokens: one that calls tools says what the model writes to call them. */
export const saidIn = ({ content, tool_calls: calls }: ChatMessage, ids: number[], tokenizer: Tokenizer): string =>
  calls ? tokenizer.decode(ids, { skipSpecialTokens: true }).trim() : content;

/** Whether the answer stands directly behind its prompt. */
function isAnsweredBy({ content, tool_calls: calls }: ChatMessage, { text }: Written, prompt: Written): boolean {
  // What a template writes before a call is not known.
  if (calls && content.trim() === '') return false;
  return text.startsWith(prompt.text) && text.slice(prompt.text.length).trimStart().startsWith(content.trim());
}

/**
 * What comes before an answer is found with this one: white space at the beginning of an answer may be one token with
 * what stands before.
 */
const ANSWER = '?';

/**
 * The end of a generation prompt, and what a template writes in its place before an answer: nearly always the same for
 * all rows.
 */
const openings = new WeakMap<ChatTemplate['of'], { asked: string; answered: string }>();

/**
 * What `beforeAnswer` finds, where this answer stands behind what it has found before: without writing the conversation
 * four times more.
 */
function knownOpening(
  whole: Written,
  { text }: Written,
  tokenizer: Tokenizer,
  template: ChatTemplate,
): number[] | undefined {
  const known = openings.get(template.of);
  if (!known || !text.endsWith(known.asked)) return undefined;
  const before = text.slice(0, text.length - known.asked.length) + known.answered;
  if (!whole.text.startsWith(before)) return undefined;
  const answered = `${before}${ANSWER}`;
  return idsBefore(
    before.length,
    { text: answered, ids: tokenizer.encode(answered, { addSpecialTokens: false }) },
    tokenizer,
  );
}

/**
 * The tokens before an answer in the text that trains it, where they are others than those of the generation prompt:
 * some templates write an empty thought before an answer that is given without one (`<think>\n\n</think>\n\n`), or no
 * thought where the generation prompt opens one. Undefined where there is no such difference but white space, where the
 * conversation itself is written differently once it is answered, or the tokens cannot be told apart.
 */
export function beforeAnswer(
  messages: readonly ChatMessage[],
  prompt: string,
  tokenizer: Tokenizer,
  template: ChatTemplate,
): number[] | undefined {
  const answered = (content: string, to = messages): string =>
    template.render([...to, { role: 'assistant', content }], { addGenerationPrompt: false });
  const texts = unless(HumanError, () => [answered(ANSWER), answered('!')] as const);
  if (!texts || texts[0] === texts[1]) return undefined;
  const [text] = texts;
  const start = commonLength(...texts);
  if (text.slice(0, start).trimEnd() === prompt.trimEnd()) return undefined;
  // Some write the system message only while nobody has answered (Mistral Nemo's): what differs must be the same
  // whatever was said.
  const from = commonLength(prompt, text);
  const others = messages.map((one) =>
    one.tool_calls ? one : { ...one, content: one.content.trimEnd().endsWith('?') ? '!' : '?' },
  );
  const isBehind = unless(
    HumanError,
    () =>
      template.render(others, { addGenerationPrompt: true }).endsWith(prompt.slice(from)) &&
      answered(ANSWER, others).endsWith(text.slice(from)),
  );
  if (!isBehind) return undefined;
  openings.set(template.of, { asked: prompt.slice(from), answered: text.slice(from, start) });
  return idsBefore(start, { text, ids: tokenizer.encode(text, { addSpecialTokens: false }) }, tokenizer);
}

/** The tokens of the text before a place; undefined where one token has text of both sides. */
function idsBefore(place: number, { text, ids }: Written, tokenizer: Tokenizer): number[] | undefined {
  const [before, behind] = [text.slice(0, place), text.slice(place)].map((part) =>
    tokenizer.encode(part, { addSpecialTokens: false }),
  );
  if (startsWith(ids, before)) return before;
  // White space at the end of a text may be other tokens than within it.
  const at = ids.length - behind.length;
  return at >= 0 && behind.every((id, i) => ids[at + i] === id) ? ids.slice(0, at) : undefined;
}

const INSEPARABLE = 'so that the answer’s tokens cannot be separated';

/** Tokens of an answer: from the first to before `end`. */
export interface Span {
  from: number;
  end: number;
}

/**
 * The answer where the text does not begin with the prompt for it. Some generation prompts open what a given answer
 * does not have (`<think>`), and some templates write a conversation with more turns differently (the system's message
 * goes to the last of them). The answer is what changes with it: `others` are the texts with two other answers in its
 * place.
 */
function changedBy(
  others: readonly string[],
  message: ChatMessage,
  whole: Written,
  prompt: Written | undefined,
  tokenizer: Tokenizer,
): Span {
  const { start, stop } = changed(others, whole);
  if (prompt && whole.text.startsWith(prompt.text) && whole.text.slice(prompt.text.length, start).trim() === '')
    throw new UnfitRow(`the beginning of an answer and the text before it become one token, ${INSEPARABLE}`);
  const written = whole.text.slice(start, stop).trim();
  const before = idsBefore(start, whole, tokenizer);
  const upTo = tokenizer.encode(whole.text.slice(0, stop), { addSpecialTokens: false });
  if (!isOf(written, message) || !before || !startsWith(whole.ids, upTo))
    throw new UnfitRow(
      `the chat template writes a conversation with its answer differently from the prompt for that answer, ${INSEPARABLE}`,
    );
  // Behind the end token, if it comes next.
  let end = upTo.length;
  while (end < whole.ids.length && isBlank(whole.ids[end], tokenizer) && !isEnd(whole.ids[end], tokenizer)) end++;
  const ended = end < whole.ids.length && isEnd(whole.ids[end], tokenizer);
  return { from: before.length, end: ended ? end + 1 : upTo.length };
}

/** Whether what was found to be written of an answer is what it says. */
const isOf = (written: string, { content, tool_calls: calls }: ChatMessage): boolean =>
  calls ? calls.every(({ function: { name } }) => written.includes(name)) : written !== '' && content.includes(written);

const isEnd = (id: number, tokenizer: Tokenizer): boolean => tokenizer.eosIds.includes(id);
const isBlank = (id: number, tokenizer: Tokenizer): boolean =>
  tokenizer.decode([id], { skipSpecialTokens: true }).trim() === '';

/** Where the text changes with the answer. */
function changed(others: readonly string[], { text }: Written): { start: number; stop: number } {
  return {
    start: Math.min(...others.map((other) => commonLength(text, other))),
    stop: text.length - Math.min(...others.map((other) => commonEnd(text, other))),
  };
}

/**
 * Index behind the last token of an answer that stands before `limit`: behind its end token, if only white space and
 * special tokens follow there, or if more follows that no answer changes.
 */
function endOf(whole: Written, limit: number, from: number, tokenizer: Tokenizer, others: () => string[]): number {
  const { ids } = whole;
  let end = limit;
  for (let t = limit; t > from && isBlank(ids[t - 1], tokenizer); t--) if (isEnd(ids[t - 1], tokenizer)) end = t;
  if (end < limit || isEnd(ids[limit - 1], tokenizer)) return end;
  // Some templates go on behind the answer with a prompt for the next one: the answer's end token is the first one
  // behind it.
  const stop = tokenizer.encode(whole.text.slice(0, changed(others(), whole).stop), { addSpecialTokens: false });
  const next = ids.findIndex((id, t) => t >= stop.length && isEnd(id, tokenizer));
  return startsWith(ids, stop) && next >= 0 && next < limit ? next + 1 : limit;
}

/** Index behind the last token of an answer that more messages follow. `turn` is the conversation up to this answer. */
function innerEndOf(
  { content, tool_calls: calls }: ChatMessage,
  whole: Written,
  turn: Written,
  from: number,
  tokenizer: Tokenizer,
  others: () => string[],
  nextContent: () => number,
): number {
  if (turn.ids.length > from && startsWith(whole.ids, turn.ids))
    return endOf(whole, turn.ids.length, from, tokenizer, others);
  // Some templates write more at the very end of a text: the answer is in what both have in common.
  const common = commonLength(whole.ids, turn.ids);
  const answer = content.trim();
  const stop = calls && unless(UnfitRow, () => changed(others(), whole).stop);
  const isBefore =
    stop === undefined
      ? !calls && answer !== '' && tokenizer.decode(whole.ids.slice(from, common)).includes(answer)
      : tokenizer.encode(whole.text.slice(0, stop), { addSpecialTokens: false }).length <= common;
  if (isBefore) return endOf(whole, common, from, tokenizer, others);
  // Some write the last answer in full and earlier ones without their reasoning: the answer ends with its end token.
  const end = whole.ids.findIndex((id, t) => t >= from && isEnd(id, tokenizer));
  const said = [content, ...(calls ?? []).map(callText)].join('\n');
  const inside = tokenizer.encode(said, { addSpecialTokens: false }).some((id) => isEnd(id, tokenizer));
  if (end >= 0 && !inside && end < nextContent()) return end + 1;
  throw new UnfitRow(`the end of an answer before the last one cannot be found, ${INSEPARABLE}`);
}

function commonLength(a: ArrayLike<unknown>, b: ArrayLike<unknown>): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

function commonEnd(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length++;
  return length;
}

/** The tokens of the last answer: those behind the last one before it that is not supervised. */
export function lastAnswer(labels: readonly number[]): Span {
  const end = labels.findLastIndex((label) => label !== NOT_SUPERVISED) + 1;
  return { from: labels.slice(0, end).lastIndexOf(NOT_SUPERVISED) + 1, end };
}

/** Tokens that have a label and a token before them, which is what predicts them. */
export function supervisedTokens(labels: readonly number[]): number {
  let count = 0;
  for (let t = 1; t < labels.length; t++) if (labels[t] !== NOT_SUPERVISED) count++;
  return count;
}

/**
 * A prompt and its completion as one text, for models without a chat template: what the tokenizer puts before a text,
 * the prompt, the completion, the end-of-text token. The completion and the end are supervised.
 * @throws InvalidRow when prompt and completion share a token.
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
