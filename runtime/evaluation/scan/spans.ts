/** Which tokens of a row a vector explains: spans that gain more than ordinary text does by chance. */
import { SPAN_DRIFT } from './scores.js';

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
