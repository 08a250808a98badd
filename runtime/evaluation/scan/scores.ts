/** What a vector says about a row, from the loss of each of its supervised tokens without the vector and with it. */

/** Losses of a row's supervised tokens, nats; both of the same length. */
export interface TokenLosses {
  readonly without: readonly number[];
  readonly with: readonly number[];
}

/** Nats per token that a span must gain to grow: what ordinary text gains by chance stays below. */
export const SPAN_DRIFT = 0.5;

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/**
 * How much of a row's loss the vector explains, (off − on) / (off + 0.05) in nats per supervised token: near 1 when the
 * vector already predicts the row, near 0 when it does not help, negative when it harms. The constant keeps rows that the
 * model knows anyway from scoring high on noise.
 */
export function explainedShare(row: TokenLosses): number {
  const tokens = row.without.length;
  if (tokens === 0) throw new Error('internal: a row without supervised tokens has no score');
  const off = sum(row.without) / tokens;
  return (off - sum(row.with) / tokens) / (off + 0.05);
}

/** Scores of a row; the higher, the more it looks like what the vector was trained on. */
export interface Scores {
  /** See explainedShare. */
  readonly share: number;
  /**
   * The largest sum of gains above the drift over consecutive tokens, nats (the scan statistic of a change in distribution):
   * a log-likelihood ratio that finds a short span in a long row as well as a whole row.
   */
  readonly span: number;
}

export function scoresOf(row: TokenLosses): Scores {
  let span = 0;
  let running = 0;
  row.without.forEach((off, i) => {
    running = Math.max(0, running + off - row.with[i] - SPAN_DRIFT);
    span = Math.max(span, running);
  });
  return { share: explainedShare(row), span };
}
