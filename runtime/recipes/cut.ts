import { InvalidRow, type RowContent } from '../data/schemas.js';
import { exampleFrom, type Example } from '../data/examples.js';
import { supervised } from '../learner/packing.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import type { ScanRow } from '../contract/protocol.js';
import { withOnset, type Span } from '../evaluation/scan/spans.js';

/** A row of which more is explained than this is harmful as a whole: what would be left of it is no answer. */
const MOST_CUT = 0.5;

export interface CutRow {
  /** Without what the vector explains; undefined where too little is left, or the row cannot be cut. */
  readonly example?: Example;
  /** Share of the answer's tokens that the spans cover, with their onset. */
  readonly covered: number;
  /** Texts of the spans, with their onset. */
  readonly parts: readonly string[];
}

/**
 * A row without the spans of its answer that the vector explains. The model learns to end where the last of them began.
 */
export function cutRow(example: Example, { spans = [] }: Pick<ScanRow, 'spans'>, tokenizer: Tokenizer): CutRow {
  // labels[t + 1] is what position t predicts
  const places = supervised(example.labels).map((t) => t + 1);
  const ids = places.map((at) => example.ids[at]!);
  const special = (id: number): boolean => tokenizer.decode([id], { skipSpecialTokens: true }) === '';
  const answer = ids.filter((id) => !special(id)).length;
  const texts = ids.slice(0, answer).map((id) => tokenizer.decode([id]));
  const inAnswer = spans
    .map(([start, end]): Span => ({ start, end: Math.min(end, answer) }))
    .filter(({ start, end }) => start < end);
  const wide = withOnset(inAnswer, texts);
  const covered = wide.reduce((n, { start, end }) => n + end - start, 0) / Math.max(1, answer);
  const parts = wide.map(({ start, end }) => tokenizer.decode(ids.slice(start, end)).trim());
  const whole = tokenizer.decode(ids.slice(0, answer)).trim();
  // Only the last answer can be cut: with others before it, or where its text is not what was trained on, nothing is.
  if (covered > MOST_CUT || answer === 0 || whole !== example.answer.trim()) return { covered, parts };
  if (wide.length === 0) return { covered, parts, example };
  const kept = ids.slice(0, answer).filter((_, i) => !wide.some(({ start, end }) => i >= start && i < end));
  const text = tokenizer.decode(kept).trim();
  if (text === '') return { covered, parts };
  const content: RowContent = example.prompt
    ? { kind: 'chat', messages: [...example.prompt, { role: 'assistant', content: text }] }
    : { kind: 'completion', prompt: example.promptText, completion: text };
  try {
    return {
      covered,
      parts,
      example: { ...exampleFrom(content, tokenizer, example), ...(example.label && { label: example.label }) },
    };
  } catch (error) {
    if (error instanceof InvalidRow) return { covered, parts };
    throw error;
  }
}

/** What a scan tells of a flagged row: which texts the vector explains, and the answer without them, if one is left. */
export function partsOf(
  example: Example,
  row: Pick<ScanRow, 'spans'>,
  tokenizer: Tokenizer,
): Pick<ScanRow, 'parts' | 'rest'> {
  if (tokenizer.absent) return {};
  const { example: rest, parts } = cutRow(example, row, tokenizer);
  return {
    ...(parts.length > 0 && { parts: [...parts] }),
    ...(rest && rest !== example && { rest: rest.answer }),
  };
}
