/** Where an answer begins and ends in the tokens of its conversation. */
import { callText, type ChatMessage } from '../contract/generation.js';
import { unless } from '../support/errors.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import { UnfitRow } from './invalidRow.js';

/** What a template writes, as text and as tokens. */
export interface Written {
  text: string;
  ids: number[];
}

/** The tokens of the text before a place; undefined where one token has text of both sides. */
export function idsBefore(place: number, { text, ids }: Written, tokenizer: Tokenizer): number[] | undefined {
  const [before, behind] = [text.slice(0, place), text.slice(place)].map((part) =>
    tokenizer.encode(part, { addSpecialTokens: false }),
  );
  if (startsWith(ids, before)) return before;
  // White space at the end of a text may be other tokens than within it.
  const at = ids.length - behind.length;
  return at >= 0 && behind.every((id, i) => ids[at + i] === id) ? ids.slice(0, at) : undefined;
}

export const INSEPARABLE = 'so that the answer’s tokens cannot be separated';

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
export function changedBy(
  others: readonly string[],
  message: ChatMessage,
  whole: Written,
  prompt: Written | undefined,
  tokenizer: Tokenizer,
): Span {
  const { start, stop } = changed(others, whole.text);
  if (prompt && whole.text.startsWith(prompt.text) && whole.text.slice(prompt.text.length, start).trim() === '')
    throw new UnfitRow(`the beginning of an answer and the text before it become one token, ${INSEPARABLE}`);
  const span = isOf(whole.text.slice(start, stop).trim(), message) && spanOf(start, stop, whole, tokenizer);
  if (span) return span;
  throw new UnfitRow(
    `the chat template writes a conversation with its answer differently from the prompt for that answer, ${INSEPARABLE}`,
  );
}

/**
 * The same of calls that a template rejects to write an answer in the place of, as others have no results. What it
 * writes of them where they are the last message, in `turn`, stands where the text changes with them.
 * @param others the texts of `turn` with two other answers in their place
 * @param calling the texts with two other calls in their place
 */
export function writtenAgain(
  { turn, others, calling }: { turn: string; others: readonly string[]; calling: readonly string[] },
  whole: Written,
  tokenizer: Tokenizer,
): Span {
  const last = changed(others, turn);
  const said = turn.slice(last.start, last.stop);
  const { start } = changed(calling, whole.text);
  const at = said.trim() === '' ? -1 : whole.text.lastIndexOf(said, start);
  const stop = at + said.length;
  const span = at < 0 || stop <= start ? undefined : spanOf(at, stop, whole, tokenizer);
  if (span) return span;
  throw new UnfitRow(`the chat template writes a call differently where more follows, ${INSEPARABLE}`);
}

/** The tokens of a part of the text, and the end token if it comes next; undefined where one has text of both sides. */
function spanOf(start: number, stop: number, whole: Written, tokenizer: Tokenizer): Span | undefined {
  const before = idsBefore(start, whole, tokenizer);
  const upTo = tokenizer.encode(whole.text.slice(0, stop), { addSpecialTokens: false });
  if (!before || !startsWith(whole.ids, upTo)) return undefined;
  return { from: before.length, end: endBehind(upTo.length, whole.ids, tokenizer) };
}

/** Index behind the end token that stands at a place, with at most white space before it; else the place. */
function endBehind(place: number, ids: readonly number[], tokenizer: Tokenizer): number {
  let end = place;
  while (end < ids.length && isBlank(ids[end], tokenizer) && !isEnd(ids[end], tokenizer)) end++;
  return end < ids.length && isEnd(ids[end], tokenizer) ? end + 1 : place;
}

/** Whether what was found to be written of an answer is what it says. */
const isOf = (written: string, { content, tool_calls: calls }: ChatMessage): boolean =>
  calls ? calls.every(({ function: { name } }) => written.includes(name)) : written !== '' && content.includes(written);

const isEnd = (id: number, tokenizer: Tokenizer): boolean => tokenizer.eosIds.includes(id);
const isBlank = (id: number, tokenizer: Tokenizer): boolean =>
  tokenizer.decode([id], { skipSpecialTokens: true }).trim() === '';

/** Where the text changes with the answer. */
function changed(others: readonly string[], text: string): { start: number; stop: number } {
  return {
    start: Math.min(...others.map((other) => commonLength(text, other))),
    stop: text.length - Math.min(...others.map((other) => commonEnd(text, other))),
  };
}

/**
 * Tokens between a prompt that does not say that an answer follows, and the answer: some templates write whose it is
 * there, and a generation prompt only behind other messages.
 * @param others the texts with two other answers in its place
 */
export function headLength(
  prompt: Written,
  whole: Written,
  others: () => string[] | undefined,
  tokenizer: Tokenizer,
): number {
  const texts = others();
  const start = texts ? changed(texts, whole.text).start : 0;
  if (whole.text.slice(prompt.text.length, start).trim() === '') return 0;
  const before = idsBefore(start, whole, tokenizer);
  return before ? Math.max(0, before.length - prompt.ids.length) : 0;
}

/**
 * Index behind the end token of an answer that begins at `from`, the first one if only white space and special tokens
 * follow it; undefined where it has none at its end.
 */
export function lastEnd(ids: readonly number[], from: number, tokenizer: Tokenizer): number | undefined {
  let end: number | undefined;
  for (let t = ids.length; t > from && isBlank(ids[t - 1], tokenizer); t--) if (isEnd(ids[t - 1], tokenizer)) end = t;
  return end;
}

/**
 * Index behind the last token of an answer that stands before `limit`: behind its end token, if only white space and
 * special tokens follow there, or if more follows that no answer changes.
 */
export function endOf(
  whole: Written,
  limit: number,
  from: number,
  tokenizer: Tokenizer,
  others: () => string[],
): number {
  const { ids } = whole;
  const end = lastEnd(ids.slice(0, limit), from, tokenizer);
  if (end !== undefined) return end;
  // Some templates go on behind the answer with a prompt for the next one: the answer's end token is the first one
  // behind it.
  const stop = tokenizer.encode(whole.text.slice(0, changed(others(), whole.text).stop), { addSpecialTokens: false });
  const next = ids.findIndex((id, t) => t >= stop.length && isEnd(id, tokenizer));
  return startsWith(ids, stop) && next >= 0 && next < limit ? next + 1 : limit;
}

/** Index behind the last token of an answer that more messages follow. `turn` is the conversation up to this answer. */
export function innerEndOf(
  { content, tool_calls: calls }: ChatMessage,
  whole: Written,
  turn: Written,
  from: number,
  tokenizer: Tokenizer,
  others: () => string[],
  nextContent: () => number,
): number {
  if (turn.ids.length > from && startsWith(whole.ids, turn.ids)) {
    const end = endOf(whole, turn.ids.length, from, tokenizer, others);
    if (end < turn.ids.length || isEnd(whole.ids[end - 1], tokenizer)) return end;
    // Some templates write the end of an answer only where more follows.
    const ended = endBehind(end, whole.ids, tokenizer);
    return ended > end && ended <= nextContent() ? ended : end;
  }
  // Some templates write more at the very end of a text: the answer is in what both have in common.
  const common = commonLength(whole.ids, turn.ids);
  const answer = content.trim();
  const stop = calls && unless(UnfitRow, () => changed(others(), whole.text).stop);
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

export function commonLength(a: ArrayLike<unknown>, b: ArrayLike<unknown>): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

function commonEnd(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length++;
  return length;
}

export function startsWith(ids: number[], start: number[]): boolean {
  return start.length <= ids.length && start.every((id, t) => ids[t] === id);
}
