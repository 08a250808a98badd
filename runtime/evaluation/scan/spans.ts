/** Which tokens of a row a vector explains: spans that gain more than ordinary text does by chance. */
import { SPAN_DRIFT } from './scores.js';

/** Supervised tokens [start, end) of a row, counted from its first supervised token. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

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

/** Tokens that a span is widened by in search of the beginning of its sentence, at most. */
const MAX_ONSET = 8;
/** Tokens between a span and the end of the answer that belong to the span. */
const MAX_TAIL = 3;
const SENTENCE_END = /[.!?:;\n|…]["')\]]*\s*$/;

/**
 * Spans with their onset. Where a harmful span begins is not foreseen, so its first words gain nothing: a span is widened to
 * where its sentence begins, if that is near, and by one token otherwise. What little is left behind the last one goes, too.
 * @param texts of the row's supervised tokens
 */
export function withOnset(spans: readonly Span[], texts: readonly string[]): Span[] {
  const widened: { start: number; end: number }[] = [];
  for (const { start, end } of spans) {
    const least = Math.max(widened.at(-1)?.end ?? 0, start - MAX_ONSET);
    let from = start;
    while (from > least && !SENTENCE_END.test(texts[from - 1]!)) from--;
    const found = from === 0 || SENTENCE_END.test(texts[from - 1]!) || from === widened.at(-1)?.end;
    const to = texts.length - end <= MAX_TAIL ? texts.length : end;
    const begin = found ? from : Math.max(least, start - 1);
    const before = widened.at(-1);
    if (before && begin <= before.end) before.end = to;
    else widened.push({ start: begin, end: to });
  }
  return widened;
}
