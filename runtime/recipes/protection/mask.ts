/** What of a flagged row is learned, by token. */
import type { ScanRow } from '../../contract/scan.js';
import { NOT_SUPERVISED } from '../../data/conversation.js';
import type { Example } from '../../data/examples.js';
import { answersIn, insertedSpans, isInSpans, joinedSpans } from '../../evaluation/scan/spans.js';
import { supervised } from '../../learner/packing.js';
import type { Tokenizer } from '../../models/text/tokenizer.js';
import { beginnings, cutRow, spokenOf, tokenTexts } from './cut.js';

type Spans = Required<ScanRow>['spans'];

/** A row of whose supervised tokens only some are. */
export function supervisedWhere(example: Example, isSupervised: (token: number) => boolean): Example {
  const labels = example.labels.map(() => NOT_SUPERVISED);
  supervised(example.labels).forEach((t, i) => {
    // position t predicts label t + 1
    if (isSupervised(i)) labels[t + 1] = example.labels[t + 1];
  });
  return { ...example, labels };
}

/**
 * A row of whose answer only the tokens are supervised that the vector does not explain: the others stay, and are not
 * learned.
 * @returns undefined where none is left, or where it is not known which they are
 */
export function maskedRow(example: Example, row: ScanRow, tokenizer: Tokenizer): Example | undefined {
  const explained = explainedTokens(example, row, tokenizer);
  if (!explained) return undefined;
  const { answer, from } = spokenOf(example, row, tokenizer);
  const isLeft = (i: number): boolean => !isInSpans(explained, i);
  return answer.some((_, i) => isLeft(from + i)) ? supervisedWhere(example, isLeft) : undefined;
}

/**
 * A row without what the vector explains (cutRow), as it is learned. Insertions are cut out only at both ends of its
 * answer, which must learn to begin and to end. Those within stay and are not learned: where they begin and end is
 * known to a token or two only, and a text with a word too few would be learned.
 */
export function restRow(example: Example, row: ScanRow, tokenizer: Tokenizer): Example | undefined {
  const cut = cutRow(example, row, tokenizer);
  const explained = cut && row.inserted && explainedTokens(example, row, tokenizer);
  if (!explained) return cut;
  const { answer, from } = spokenOf(example, row, tokenizer);
  const { spans = [] } = row;
  const isOuter = ([start, end]: Spans[number]): boolean => start <= from || end >= from + answer.length;
  const [outer, within] = [spans.filter(isOuter), spans.filter((span) => !isOuter(span))];
  if (within.length === 0) return cut;
  const masked = explained.filter(([start, end]) => within.some((span) => span[0] < end && start < span[1]));
  const left = outer.length > 0 ? cutRow(example, { spans: outer, inserted: true }, tokenizer) : example;
  const kept = supervised(example.labels).flatMap((t, i) => (isInSpans(outer, i) ? [] : { i, id: example.ids[t + 1] }));
  const shift = left && shiftOf(left, kept);
  if (shift === undefined) return cut;
  const rest = supervisedWhere(left!, (k) => {
    const at = kept[k + shift]?.i;
    return at === undefined || !isInSpans(masked, at);
  });
  return supervised(rest.labels).length > 0 ? rest : cut;
}

/** Of a conversation of which some answers look harmful the others are learned: those stay, and are not. */
export function otherAnswers(example: Example, { answers }: Pick<ScanRow, 'answers'>): Example | undefined {
  if (example.asIs || !answers) return undefined;
  const all = answersIn(beginnings(example.labels));
  const others = all.filter((_, k) => !answers.includes(k));
  if (others.length === 0) return undefined;
  return supervisedWhere(example, (i) => others.some(({ start, end }) => i >= start && i < end));
}

/** Tokens that a word at the beginning of an answer may have. */
const FIRST = 3;

/**
 * By how much these tokens have moved where they are written as an answer of their own, undefined where they are
 * others: a first word that loses its space may be.
 */
function shiftOf({ ids, labels }: Example, tokens: readonly { readonly id: number }[]): number | undefined {
  const own = supervised(labels);
  const shift = tokens.length - own.length;
  const isSame = own.every((t, k) => k < FIRST || ids[t + 1] === tokens[k + shift]?.id);
  return Math.abs(shift) < FIRST && isSame ? shift : undefined;
}

/**
 * What the vector explains of a row by any reading (insertedSpans); undefined where several vectors flag it, as its
 * losses are those of one.
 */
function explainedTokens(
  example: Example,
  { losses, byVector = [] }: ScanRow,
  tokenizer: Tokenizer,
): Spans | undefined {
  if (!losses || byVector.filter(({ flagged }) => flagged).length > 1) return undefined;
  return joinedSpans(insertedSpans(losses, tokenTexts(tokenizer)(example)).flat());
}
