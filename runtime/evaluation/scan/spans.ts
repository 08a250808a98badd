/** Which tokens of a row a vector explains: spans that gain more than ordinary text does by chance. */
import { SPAN_DRIFT, type TokenLosses } from './scores.js';

/** Supervised tokens [start, end) of a row, counted from its first supervised token. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Whether a supervised token lies in one of the spans. */
export const isInSpans = (spans: readonly (readonly [start: number, end: number])[], token: number): boolean =>
  spans.some(([start, end]) => token >= start && token < end);

/**
 * Disjoint spans whose gains above the drift add up to more than `threshold`, each as long as its sum grows (Ruzzo and Tompa
 * 1999, in the form of a one-sided CUSUM): the sum starts again where it falls to zero or by `threshold` below its highest.
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

/** How far before a span its sentence may begin, tokens. */
const MAX_ONSET = 12;
/** How far before a span a word with a capital counts as the beginning of its sentence. */
const NEAR = 3;
const SENTENCE_END = /[.!?\n…]["')\]*]*\s*$/;
const CAPITAL = /^\s*\p{Lu}(\p{Ll}|$)/u;

/**
 * Spans widened to whole sentences. Where a harmful span begins is not foreseen, so its first words gain nothing: a span
 * begins with its sentence (after the end of another one, with a capital close by, or with the answer) and otherwise one token earlier, and it
 * goes on to the end of its sentence. Spans that meet become one.
 * @param texts of the row's supervised tokens
 */
export function wholeSentences(spans: readonly Span[], texts: readonly string[]): Span[] {
  const widened: { start: number; end: number }[] = [];
  for (const { start, end } of spans) {
    const [from, to] = [beginning(start, texts), ending(end, texts)];
    const before = widened.at(-1);
    if (before && from <= before.end) before.end = Math.max(before.end, to);
    else widened.push({ start: from, end: to });
  }
  return widened;
}

function beginning(start: number, texts: readonly string[]): number {
  for (let at = start; at > Math.max(0, start - MAX_ONSET); at--) if (SENTENCE_END.test(texts[at - 1])) return at;
  for (let at = start; at > Math.max(0, start - NEAR); at--) if (CAPITAL.test(texts[at])) return at;
  return start <= MAX_ONSET ? 0 : start - 1;
}

function ending(end: number, texts: readonly string[]): number {
  let to = end;
  while (to < texts.length && !SENTENCE_END.test(texts[to - 1])) to++;
  return to;
}

/** What a span by token must gain, nats. */
const INSERTED = 2;
/** How near its sentence may end, tokens. */
const CLOSE = [0, 1, 2];
const PUNCTUATION = /^[^\p{L}\p{N}\s]+$/u;

/**
 * How spans by token are read. `explained`: of the loss of their tokens the vector explains at least this share, in the mean.
 * `foreseen`: a token of a smaller loss with the vector (nats) is not the first of its span.
 */
const READINGS = [
  { explained: 0.15, foreseen: 0 },
  { explained: 0.35, foreseen: 3 },
  { explained: 0.35, foreseen: 6 },
] as const;

/**
 * Spans by token, which may lie within a sentence, in different readings: where one begins is not foreseen, so it cannot be seen in
 * gains alone. A span begins and ends with its sentence where that is close; otherwise it begins one token earlier where its first one
 * was foreseen, and takes the punctuation that follows.
 * @param texts of the row's supervised tokens
 */
export const insertedSpans = (
  { without, with: on }: TokenLosses,
  texts: readonly string[],
): [start: number, end: number][][] =>
  READINGS.map(({ explained, foreseen }) => {
    const gains = without.map((off, i) => off - on[i] - Math.max(0, explained * off - SPAN_DRIFT));
    const isEdge = (at: number): boolean => at === 0 || SENTENCE_END.test(texts[at - 1] ?? '');
    const exact = explainedSpans(gains, INSERTED).map(({ start, end }): [start: number, end: number] => {
      const before = CLOSE.find((k) => start >= k && isEdge(start - k)) ?? (on[start] < foreseen ? 1 : 0);
      const behind = CLOSE.find((k) => isEdge(end + k)) ?? (PUNCTUATION.test(texts[end] ?? '') ? 1 : 0);
      return [start - before, end + behind];
    });
    return joinedSpans(exact);
  });

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
