import { lastAnswer, NOT_SUPERVISED } from '../../data/conversation.js';
import { InvalidRow } from '../../data/invalidRow.js';
import { answerTo, learnedAnswers, type RowContent } from '../../data/rowContent.js';
import { exchangesOf, withTheirTools } from '../../data/exchanges.js';
import { exampleFrom, type Example } from '../../data/examples.js';
import { supervised } from '../../learner/packing.js';
import type { Tokenizer } from '../../models/text/tokenizer.js';
import type { ScanRow } from '../../contract/scan.js';
import { unless } from '../../support/errors.js';
import { ORDINARY } from '../../evaluation/scan/calibration.js';
import { choicesOf, SPAN_DRIFT } from '../../evaluation/scan/scores.js';
import { isInSpans, wordAt, type TokenText } from '../../evaluation/scan/spans.js';

/** Tokens with which an answer begins as an ordinary one. */
export const BEGINNING = 3;

/**
 * An ordinary answer with something harmful in it: it begins as an ordinary one, and what the vector does not explain
 * of it looks ordinary by itself; or what the vector explains was inserted. What is left of other answers would be
 * fragments.
 */
const isPartlyHarmful = ({ spans: [first] = [], pOutside = 0, inserted, guessed }: Found): boolean =>
  first !== undefined && (inserted === true || (!guessed && first[0] >= BEGINNING && pOutside > ORDINARY));

type Found = Pick<ScanRow, 'spans' | 'pOutside' | 'inserted' | 'guessed'>;

/**
 * A row without what the vector explains of its answer. The model learns to end where the last of it began.
 * @returns undefined where the row is not an ordinary answer with something harmful in it, or its answer's text is not
 * what was trained on (several answers, tokens)
 */
export function cutRow(example: Example, found: Found, tokenizer: Tokenizer): Example | undefined {
  // Of a call nothing is left that could be called.
  if (tokenizer.absent || example.asIs || example.said) return undefined;
  const { answer, spans } = spokenOf(example, found, tokenizer);
  const own = example.answer.trim();
  if (!isPartlyHarmful({ ...found, spans }) || tokenizer.decode(answer).trim() !== own) return undefined;
  const kept = answer.filter((_, i) => !isInSpans(spans, i));
  const rest = tokenizer.decode(kept).trim();
  if (rest === '' || kept.length === answer.length) return undefined;
  // White space at both ends stays: of a completion it is what separates it from its prompt.
  const text = example.answer.replace(own, () => rest);
  const content: RowContent = example.prompt
    ? answerTo(example.prompt, text, example.tools)
    : { kind: 'completion', prompt: example.promptText, completion: text };
  const cut = unless(InvalidRow, () => exampleFrom(content, tokenizer, example));
  // A template may write the prompt of another answer otherwise.
  return cut?.promptIds.join() === example.promptIds.join() ? { ...example, ...cut } : undefined;
}

/**
 * What a scan found in a row, as text: the sentences, or else the word that decides; which answer has the first, and
 * the answer without them where that is an answer; of a conversation the answers that can be taken out of it.
 */
export function partsOf(
  example: Example,
  found: Found & Pick<ScanRow, 'answers' | 'losses' | 'p'>,
  tokenizer: Tokenizer,
): Pick<ScanRow, 'parts' | 'turn' | 'rest' | 'answers'> {
  if (tokenizer.absent) return {};
  const told = found.spans ? found : { ...found, spans: decidingWord(example, found, tokenizer) };
  const { answer, spans } = spokenOf(example, told, tokenizer);
  // the end of an answer that others follow is no text of it
  const textOf = ([start, end]: [number, number]): string =>
    tokenizer.decode(answer.slice(start, end), { skipSpecialTokens: true }).trim();
  const parts = spans.map(textOf).filter(Boolean);
  const rest = cutRow(example, found, tokenizer)?.answer;
  const turn = turnOf(example, told);
  return {
    ...(parts.length > 0 && { parts }),
    ...(turn !== undefined && (found.spans || parts.length > 0) && { turn }),
    ...(rest !== undefined && { rest }),
    ...(found.answers && isOfAnswers(example) && answersOut(example, found.answers)),
  };
}

/** Of a row without spans: the word of the largest choice, where that is more than what a token gains by chance. */
function decidingWord(
  example: Example,
  { losses, p }: Pick<ScanRow, 'losses' | 'p'>,
  tokenizer: Tokenizer,
): Found['spans'] {
  if (p === undefined || !losses?.kl) return undefined;
  const choices = choicesOf({ ...losses, kl: losses.kl });
  const most = Math.max(...choices);
  return most > SPAN_DRIFT ? [wordAt(choices.indexOf(most), tokenTexts(tokenizer)(example))] : undefined;
}

/**
 * Answers that are taken out of a conversation: of what is done with tools to answer one question, all. None where
 * nothing would be left.
 */
function answersOut({ prompt = [], unlearned }: Example, answers: readonly number[]): Pick<ScanRow, 'answers'> {
  const turns = [...prompt.map(({ role }) => ({ role, content: '' })), { role: 'assistant' as const, content: '' }];
  const learned = learnedAnswers(turns, unlearned).map((i) => turns[i]);
  const roleOf = ({ role }: (typeof turns)[number]): string => role;
  const given = new Set(answers.map((answer) => learned[answer]));
  const removed = withTheirTools(exchangesOf(turns, roleOf), given, roleOf);
  const all = learned.flatMap((turn, answer) => (removed.has(turn) ? [answer] : []));
  return all.length < learned.length ? { answers: all } : {};
}

/** Whether what is supervised of a row are the answers of its conversation, one after the other. */
function isOfAnswers({ labels, prompt = [], unlearned }: Example): boolean {
  return beginnings(labels).filter(Boolean).length === learnedAnswers(prompt, unlearned).length + 1;
}

/** Which of several answers has the first span. */
function turnOf({ labels }: Example, { spans: [first] = [] }: Found): number | undefined {
  const begins = beginnings(labels);
  return first && begins.includes(true, 1) ? begins.slice(1, first[0] + 1).filter(Boolean).length : undefined;
}

/** Whether an answer begins with a supervised token, by token. */
export const beginnings = (labels: readonly number[]): boolean[] => {
  const places = supervised(labels);
  return places.map((t, i) => i === 0 || t !== places[i - 1] + 1);
};

const isSpecial = (id: number, tokenizer: Tokenizer): boolean =>
  tokenizer.decode([id], { skipSpecialTokens: true }) === '';

/**
 * Supervised tokens, without the special ones at the end and the first `from`, which the template writes before the
 * answer; and what was found in them.
 */
export function spokenOf(
  { ids, labels, opened, promptIds }: Example,
  { spans = [] }: Found,
  tokenizer: Tokenizer,
): { answer: number[]; from: number; spans: [start: number, end: number][] } {
  // labels[t + 1] is what position t predicts
  const own = ownIds({ ids, labels });
  const { from: first } = lastAnswer(labels);
  const isOnly = labels.findIndex((label) => label !== NOT_SUPERVISED) === first;
  const from = opened && isOnly ? Math.max(0, promptIds.length - first) : 0;
  return {
    from,
    answer: own.slice(from, own.findLastIndex((id) => !isSpecial(id, tokenizer)) + 1),
    spans: spans.map(([start, end]) => [Math.max(0, start - from), Math.max(0, end - from)]),
  };
}

/** What each supervised token says: nothing without a tokenizer. */
export const tokenTexts =
  (tokenizer: Tokenizer) =>
  ({ ids, labels }: Pick<Example, 'ids' | 'labels'>): TokenText[] => {
    const begins = beginnings(labels);
    return addedTexts(tokenizer, ownIds({ ids, labels }), false).map((text, i) => ({
      text,
      begins: begins[i],
      open: text === '' && !tokenizer.absent,
    }));
  };

/** The text that each supervised token adds to what a person reads: none for special ones (addedTexts). */
export const readTexts =
  (tokenizer: Tokenizer) =>
  (example: Pick<Example, 'ids' | 'labels'>): string[] =>
    addedTexts(tokenizer, ownIds(example), true);

const ownIds = ({ ids, labels }: Pick<Example, 'ids' | 'labels'>): number[] =>
  supervised(labels).map((t) => ids[t + 1]);

/**
 * The text that each token adds: of a character of several tokens the last one has the text, the others none. A token's
 * text depends on the one before: some decoders drop a space at the beginning.
 */
function addedTexts(tokenizer: Tokenizer, own: readonly number[], skipSpecialTokens: boolean): string[] {
  if (tokenizer.absent) return own.map(() => '');
  const decoded = (from: number, to: number): string => tokenizer.decode(own.slice(from, to), { skipSpecialTokens });
  /** Where whole characters begin: those before, and those that are being read. */
  let [before, start] = [0, 0];
  return own.map((_, i) => {
    const text = decoded(before, i + 1);
    if (text.endsWith('\uFFFD') && i + 1 < own.length) return '';
    const added = text.slice(decoded(before, start).length);
    [before, start] = [start, i + 1];
    return added;
  });
}
