/**
 * Which tokens of a row a vector explains: spans that gain more than ordinary text does by chance. They are of whole
 * characters, and each of one answer.
 */
import type { ScanRow } from '../../contract/scan.js';
import { SPAN_DRIFT, type TokenLosses } from './scores.js';

/** Supervised tokens [start, end) of a row, counted from its first supervised token. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** A span from where its sentence begins to where it ends. */
interface SentenceSpan extends Span {
  /** No mark and no capital tells where it begins. */
  readonly guessed: boolean;
}

/** What a supervised token says. */
export interface TokenText {
  readonly text: string;
  /** It is the first of an answer. */
  readonly begins?: boolean;
  /** Its character goes on in the next token. */
  readonly open?: boolean;
}

/** Whether a supervised token lies in one of the spans. */
export const isInSpans = (spans: readonly (readonly [start: number, end: number])[], token: number): boolean =>
  spans.some(([start, end]) => token >= start && token < end);

/**
 * Disjoint spans whose gains above the drift add up to more than `threshold`, each as long as its sum grows (Ruzzo and
 * Tompa 1999, in the form of a one-sided CUSUM): the sum starts again where it falls to zero or by `threshold` below
 * its highest.
 * @param gains nats that the vector saves on each token
 */
export function explainedSpans(gains: readonly number[], threshold: number): Span[] {
  const spans: Span[] = [];
  let [start, end, sum, best] = [0, 0, 0, 0];
  const close = (): void => {
    if (best > threshold) spans.push({ start, end });
    [sum, best] = [0, 0];
  };
  gains.forEach((gain, i) => {
    if (sum === 0) start = i;
    sum = Math.max(0, sum + gain - SPAN_DRIFT);
    if (sum > best) [best, end] = [sum, i + 1];
    if (sum === 0 || sum < best - threshold) close();
  });
  close();
  return spans;
}

/** The answers of a row: whether one begins with each of its supervised tokens. */
export function answersIn(begins: readonly (boolean | undefined)[]): Span[] {
  const starts = begins.flatMap((does, at) => (does || at === 0 ? at : []));
  return starts.map((start, i) => ({ start, end: starts[i + 1] ?? begins.length }));
}

/** What a sentence of a span, or a span by token, must gain, nats. */
const LEAST = 2;

/**
 * A span without the sentences in it that gain little as a whole: its sum grows with the end of a line, and with the
 * first word behind it, although what follows is ordinary. A part that would be a span by itself stays, and so does a
 * span of which nothing else would stay.
 * @param gains of the answer's tokens; the last one says where the answer ends, not what it says
 */
function gainingSentences(
  { start, end }: Span,
  gains: readonly number[],
  threshold: number,
  tokens: readonly TokenText[],
): Span[] {
  const last = gains.length - 1;
  const sum = (from: number, to: number): number =>
    gains.slice(from, Math.min(to, last)).reduce((all, gain) => all + gain - SPAN_DRIFT, 0);
  const kept: { start: number; end: number }[] = [];
  for (let from = start, to; from < end; from = to) {
    to = ending(from + 1, tokens);
    if (to === last) to = gains.length;
    const part = { start: from, end: Math.min(to, end) };
    if (sum(from, to) <= LEAST && sum(from, part.end) <= threshold) continue;
    const before = kept.at(-1);
    if (before?.end === from) before.end = part.end;
    else kept.push(part);
  }
  return kept.length > 0 ? kept : [{ start, end }];
}

/**
 * What is explained of each answer of a row, as whole sentences (gainingSentences, wholeSentences).
 * @param gains nats that the vector saves on each token
 * @param threshold nats that a span must gain
 */
export function explainedSentences(
  gains: readonly number[],
  threshold: number,
  tokens: readonly TokenText[],
): Pick<ScanRow, 'guessed'> & { spans: [start: number, end: number][] } {
  const found = answersIn(tokens.map(({ begins }) => begins)).flatMap(({ start: from, end: to }) => {
    const own = <T>(values: readonly T[]): T[] => values.slice(from, to);
    const [gained, texts] = [own(gains), own(tokens)];
    const explained = explainedSpans(gained, threshold);
    const spans = explained.flatMap((span) => gainingSentences(span, gained, threshold, texts));
    return wholeSentences(spans, texts).map(({ start, end, guessed }) => ({
      start: from + start,
      end: from + end,
      guessed,
    }));
  });
  return {
    spans: found.map(({ start, end }) => [start, end]),
    ...(found.some(({ guessed }) => guessed) && { guessed: true as const }),
  };
}

/** How far before a span its sentence may begin, tokens. */
const MAX_ONSET = 12;
/** How far before a span a word with a capital counts as the beginning of its sentence. */
const NEAR = 3;
const SENTENCE_END = /[.!?\n…。！？｡．؟۔।][\p{Pe}\p{Pf}"'*]*\s*$/u;
/** Marks that also stand within words and numbers. */
const POINT = /[.!?][\p{Pe}\p{Pf}"'*]*$/u;
const CAPITAL = /^\s*\p{Lu}(\p{Ll}|$)/u;

/**
 * Spans of an answer widened to whole sentences. Where a harmful span begins is not foreseen, so its first words gain
 * nothing: a span begins with its sentence (after the end of another one, with a capital close by, or with the answer)
 * and otherwise, as a guess, one token earlier, and it goes on to the end of its sentence. Spans that meet become one.
 */
export function wholeSentences(spans: readonly Span[], tokens: readonly TokenText[]): SentenceSpan[] {
  const whole: { start: number; end: number; guessed: boolean }[] = [];
  for (const { start, end } of spans) {
    const told = beginning(start, tokens);
    const begins = told ?? (start <= MAX_ONSET ? 0 : start - 1);
    const [from, to] = [widened(begins, -1, (at) => isInCharacter(at, tokens)), ending(end, tokens)];
    const before = whole.at(-1);
    if (before && from <= before.end) before.end = Math.max(before.end, to);
    else whole.push({ start: from, end: to, guessed: told === undefined });
  }
  return whole;
}

function beginning(start: number, tokens: readonly TokenText[]): number | undefined {
  for (let at = start; at > Math.max(0, start - MAX_ONSET); at--) if (endsSentence(at, tokens)) return at;
  for (let at = start; at > Math.max(0, start - NEAR); at--) if (CAPITAL.test(tokens[at].text)) return at;
  return start === 0 ? 0 : undefined;
}

function ending(end: number, tokens: readonly TokenText[]): number {
  let to = end;
  while (to < tokens.length && !endsSentence(to, tokens)) to++;
  return to;
}

const LETTER_BEHIND = /[\p{L}\p{M}\p{N}]$/u;
const LETTER_BEFORE = /^[\p{L}\p{M}\p{N}]/u;
/** Scripts that put no space between words. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}]/u;

/** A mark directly before a letter or a digit ends none: 3.5, www.example.org. */
function endsSentence(at: number, tokens: readonly TokenText[]): boolean {
  const [before, behind] = [tokens[at - 1]?.text ?? '', tokens[at]?.text ?? ''];
  if (!SENTENCE_END.test(before)) return false;
  return !POINT.test(before) || !LETTER_BEFORE.test(behind) || UNSPACED.test(behind[0]);
}

/** Whether a place between two tokens lies within a character. */
const isInCharacter = (at: number, tokens: readonly TokenText[]): boolean => tokens[at - 1]?.open === true;

/** The same of a word. */
function isInWord(at: number, tokens: readonly TokenText[]): boolean {
  if (isInCharacter(at, tokens)) return true;
  const [before, behind] = [tokens[at - 1]?.text ?? '', tokens[at]?.text ?? ''];
  return LETTER_BEHIND.test(before) && LETTER_BEFORE.test(behind) && !UNSPACED.test(before.slice(-1) + behind[0]);
}

/** The nearest place from this one on that is in nothing of the kind. @param step 1: forward; -1: back */
function widened(at: number, step: 1 | -1, isIn: (at: number) => boolean): number {
  let to = at;
  while (isIn(to)) to += step;
  return to;
}

/** The word of an answer that a token is in. */
export function wordAt(at: number, tokens: readonly TokenText[]): [start: number, end: number] {
  const isIn = (place: number): boolean => tokens[place]?.begins !== true && isInWord(place, tokens);
  return [widened(at, -1, isIn), widened(at + 1, 1, isIn)];
}

/** What share of its loss the vector explains of a span by token that is no chance, in the mean. */
const WELL_EXPLAINED = 0.35;
/** How near its sentence may end, tokens. */
const CLOSE = [0, 1, 2];
const PUNCTUATION = /^[^\p{L}\p{N}\s]+$/u;

/**
 * How spans by token are read. `explained`: of the loss of their tokens the vector explains at least this share, in the
 * mean. `foreseen`: a token of a smaller loss with the vector (nats) is not the first of its span.
 */
const READINGS = [
  { explained: 0.15, foreseen: 0 },
  { explained: WELL_EXPLAINED, foreseen: 3 },
  { explained: WELL_EXPLAINED, foreseen: 6 },
] as const;

/** Spans by token of whose loss the vector explains at least a share, in the mean. */
const piecesOf = ({ without, with: on }: TokenLosses, explained: number): Span[] =>
  explainedSpans(
    without.map((off, i) => off - on[i] - Math.max(0, explained * off - SPAN_DRIFT)),
    LEAST,
  );

/**
 * Spans by token, which may lie within a sentence, in different readings: where one begins is not foreseen, so it
 * cannot be seen in gains alone. A span begins and ends with its sentence where that is close; otherwise it begins one
 * token earlier where its first one was foreseen, and takes the punctuation that follows. Words are taken as a whole.
 */
export const insertedSpans = (losses: TokenLosses, tokens: readonly TokenText[]): [start: number, end: number][][] =>
  READINGS.map(({ explained, foreseen }) => {
    const isEdge = (at: number): boolean => at === 0 || endsSentence(at, tokens);
    const isIn = (at: number): boolean => isInWord(at, tokens);
    const exact = piecesOf(losses, explained).map(({ start, end }): [start: number, end: number] => {
      const before = CLOSE.find((k) => start >= k && isEdge(start - k)) ?? (losses.with[start] < foreseen ? 1 : 0);
      const behind = CLOSE.find((k) => isEdge(end + k)) ?? (PUNCTUATION.test(tokens[end]?.text ?? '') ? 1 : 0);
      return [widened(start - before, -1, isIn), widened(end + behind, 1, isIn)];
    });
    return joinedSpans(exact);
  });

/** How far from where its gains begin what was added to an answer may begin, tokens. */
const AROUND = 2;

/**
 * Spans that each are what may have been added to an answer: from around where its gains begin to its end. None where
 * ordinary tokens stand between gains or behind them, but for punctuation.
 */
export function addedSpans(losses: TokenLosses, tokens: readonly TokenText[]): [start: number, end: number][] {
  const [only, ...others] = piecesOf(losses, WELL_EXPLAINED);
  if (!only || others.length > 0 || only.end < tokens.length - Math.max(...CLOSE)) return [];
  const places = Array.from({ length: 2 * AROUND + 1 }, (_, i) => only.start - AROUND + i);
  return places.filter((at) => at > 0 && at < only.end && !isInWord(at, tokens)).map((at) => [at, tokens.length]);
}

/** Spans of the same row as disjoint ones in order: those that overlap or meet become one. */
export function joinedSpans(spans: readonly [start: number, end: number][]): [start: number, end: number][] {
  const joined: [start: number, end: number][] = [];
  for (const [start, end] of [...spans].sort(([a], [b]) => a - b)) {
    const before = joined.at(-1);
    if (before && start <= before[1]) before[1] = Math.max(before[1], end);
    else joined.push([start, end]);
  }
  return joined;
}
