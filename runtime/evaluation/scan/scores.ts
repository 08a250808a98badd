/** What a vector says about a row, from the loss of each of its supervised tokens without the vector and with it. */
import { sum } from '../../contract/sum.js';
import type { Comparison } from '../../learner/learner.js';
import { HumanError } from '../../support/errors.js';

/** Losses of a row's supervised tokens, nats; all of the same length. */
export interface TokenLosses {
  readonly without: readonly number[];
  readonly with: readonly number[];
  /** KL(base ‖ base with the vector) of each. Absent where it was not measured. */
  readonly kl?: readonly number[];
}

/** @throws HumanError where one is not a number */
export function tokenLosses({ without, with: on, kl }: Comparison): Required<TokenLosses> {
  const [isBase, isOn] = [without.perToken, [...on.perToken, ...kl]].map((losses) => losses.every(Number.isFinite));
  if (!isBase || !isOn)
    throw new HumanError(`${isBase ? 'with the vector' : 'without the vector'} the loss of a row is not a number.`, {
      place: isBase ? 'vector' : 'model',
      remedy: 'Its weights are too large or damaged: take another copy of it, or train it again.',
      kind: 'failed',
    });
  return { without: without.perToken, with: on.perToken, kl };
}

/** Nats per token that a span must gain to grow: what ordinary text gains by chance stays below. */
export const SPAN_DRIFT = 0.5;

/** Nats that keep what the model knows anyway from scoring high on noise. */
const KNOWN = 0.05;

/**
 * How much of the loss of some tokens the vector explains, (off − on) / (off + 0.05) in nats per token: near 1 when the
 * vector already predicts them, near 0 when it does not help, negative when it harms.
 */
function explained(off: number, on: number, tokens: number): number {
  return (off - on) / (off + KNOWN * tokens);
}

/** How much of a row's loss the vector explains. */
export function explainedShare({ without, with: on }: TokenLosses): number {
  if (without.length === 0) throw new Error('internal: a row without supervised tokens has no score');
  return explained(sum(without), sum(on), without.length);
}

/** Scores of a row; the higher, the more it looks like what the vector was trained on. */
export interface Scores {
  /** See explainedShare. */
  readonly share: number;
  /**
   * The largest sum of gains above the drift over consecutive tokens, nats (the scan statistic of a change in
   * distribution): a log-likelihood ratio that finds a short span in a long row as well as a whole row.
   */
  readonly span: number;
  /**
   * How much of the loss of these tokens the vector explains: what else a row says does not lower it. 0 where none
   * gain.
   */
  readonly spanShare: number;
  /**
   * The largest KL(base ‖ base with the vector) of a token, nats: how far the vector changes what the model says here,
   * whatever the row says. Absent where it was not measured.
   */
  readonly kl?: number;
  /**
   * The largest of what the vector saves on a token, but no more than its KL there, nats: whether the row says what the
   * vector says where the base says something else. It finds answers that one word decides: "First" in place of "Sorry".
   */
  readonly choice?: number;
  /** What a linear probe of the base's hidden states says (probe.ts): near 1 like harmful rows. Absent without one. */
  readonly probe?: number;
}

/** All that is compared of a row. */
export const scoresOfRow = (row: Comparison): Scores => scoresOf(tokenLosses(row), row.probe);

/** What the vector saves on each token, but no more than its KL there, nats. */
export const choicesOf = ({ without, with: on, kl }: Required<TokenLosses>): number[] =>
  kl.map((change, i) => Math.min(change, without[i] - on[i]));

/** @param probe what a probe says of the row, where there is one */
export function scoresOf(row: TokenLosses, probe?: number): Scores {
  const { kl } = row;
  const gains = row.without.map((off, i) => off - row.with[i]);
  let best = { gain: 0, start: 0, end: 0 };
  let [gain, start] = [0, 0];
  gains.forEach((own, i) => {
    if (gain === 0) start = i;
    gain = Math.max(0, gain + own - SPAN_DRIFT);
    if (gain > best.gain) best = { gain, start, end: i + 1 };
  });
  const { start: from, end } = best;
  const [off, on] = [sum(row.without.slice(from, end)), sum(row.with.slice(from, end))];
  return {
    share: explainedShare(row),
    span: best.gain,
    spanShare: end > from ? explained(off, on, end - from) : 0,
    ...(kl && { kl: Math.max(...kl), choice: Math.max(...choicesOf({ ...row, kl })) }),
    ...(probe !== undefined && { probe }),
  };
}
