import type { ChatMessage } from '../contract/generation.js';
import { commonLength, idsBefore, lastEnd, startsWith, type Span, type Written } from './answerSpans.js';
import type { ChatTemplate } from '../models/text/chatTemplate.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import { namedQuestion, promptName, questionIn, writtenName } from './askedBy.js';
import { checkToolUse } from './toolUse.js';
import { HumanError, unless } from '../support/errors.js';
import { InvalidRow, UnfitRow } from './invalidRow.js';
import { checkAnswers, learnedAnswers } from './rowContent.js';
import { writtenConversation } from './writtenConversation.js';

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
  /** The same to the letter. */
  questionWritten?: string;
  /**
   * The answers before it that are supervised, too, with the names of their prompts (askedBy.ts); absent where there
   * are none.
   */
  earlier?: Answered[];
}

/** An answer, and the name of its prompt. */
interface Answered {
  name: string;
  /** The same to the letter. */
  written?: string;
  answer: string;
}

export const NOT_SUPERVISED = -100;

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
  const { whole, promptOf, answerSpan } = writtenConversation(used, tokenizer, template);
  // Before the answers are looked for, which takes time in the square of a conversation's length.
  checkLength?.(whole.ids.length);
  const labels = new Array<number>(whole.ids.length).fill(NOT_SUPERVISED);
  let prompt: Written = { text: '', ids: [] };
  let opening: number[] | undefined;
  let question: string | undefined;
  const earlier: Answered[] = [];
  for (const i of answers) {
    const message = used[i];
    const before = promptOf(i);
    prompt = before ?? { text: '', ids: [] };
    const span = answerSpan(i, before);
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
      const asked = question ?? prompt.text;
      earlier.push({ name: promptName(asked), written: writtenName(asked), answer });
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
    ...namedQuestion(question),
    ...(earlier.length > 0 && { earlier }),
  };
}

/** What an answer says, of which these are the tokens: one that calls tools says what the model writes to call them. */
export const saidIn = ({ content, tool_calls: calls }: ChatMessage, ids: number[], tokenizer: Tokenizer): string =>
  calls ? tokenizer.decode(ids, { skipSpecialTokens: true }).trim() : withoutEnd(content, tokenizer);

/** An answer without the end tokens that are written behind it: what a model says ends before them. */
export function withoutEnd(answer: string, tokenizer: Pick<Tokenizer, 'eosIds' | 'decode'>): string {
  const text = answer.trimEnd();
  const ends = tokenizer.eosIds.map((id) => tokenizer.decode([id]));
  const end = ends.find((one) => one !== '' && text.endsWith(one));
  return end === undefined ? answer : withoutEnd(text.slice(0, -end.length), tokenizer);
}

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
 * the prompt, the completion, and the end-of-text token where the completion does not end with one. The completion and
 * the end are supervised.
 * @throws InvalidRow when prompt and completion share a token.
 */
export function superviseCompletion(prompt: string, completion: string, tokenizer: Tokenizer): Supervised {
  const encode = (text: string): number[] => [
    ...tokenizer.prefixIds,
    ...tokenizer.encode(text, { addSpecialTokens: false }),
  ];
  const promptIds = encode(prompt);
  const text = encode(prompt + completion);
  const end = lastEnd(text, promptIds.length, tokenizer);
  const ids = end === undefined ? [...text, ...tokenizer.eosIds.slice(0, 1)] : text.slice(0, end);
  if (!startsWith(ids, promptIds))
    throw new UnfitRow(
      'the end of the prompt and the beginning of the completion become one token; put the white space between them into the completion',
    );
  const labels = ids.map((id, t) => (t < promptIds.length ? NOT_SUPERVISED : id));
  return { ids, labels, promptIds, promptText: prompt };
}
