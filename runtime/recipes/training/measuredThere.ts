/** What a job on a cluster has measured, as what is measured here. */
import type { Comparison, RowLoss } from '../../learner/learner.js';
import { supervised } from '../../learner/packing.js';
import { sum } from '../../contract/sum.js';
import { HumanError } from '../../support/errors.js';
import type { MeasuredSet } from '../../cluster/messages.js';
import type { Measure } from '../../cluster/plan.js';

/** A set that was measured by rows. */
export const byRow = ({ rows }: MeasuredSet): RowLoss[] =>
  rows.map(([nll = NaN, tokens = 0]) => ({ nll, tokens, perToken: [] }));

/** A set that was measured by tokens. */
export const byToken = ({ rows }: MeasuredSet): RowLoss[] =>
  rows.map((perToken) => ({ nll: sum(perToken), tokens: perToken.length, perToken }));

/**
 * A set that was compared: of each row the losses of its tokens in the base, then those with the adapters, and last the
 * KL of each.
 * @throws HumanError for what a job says that another version of this program has started
 */
export function comparedRows(set: MeasuredSet | undefined, examples: Measure['examples'], place: string): Comparison[] {
  const other = (what: string): HumanError =>
    new HumanError(`the job says ${what}: another version of this program has started it.`, {
      place,
      remedy: 'Start the run over.',
      code: 'restart',
      kind: 'failed',
    });
  const compared = Array.from(examples, ({ labels }) => supervised(labels).length);
  if (set?.rows.length !== compared.length)
    throw other(`something of ${set?.rows.length ?? 0} rows where ${compared.length} are compared`);
  return set.rows.map((numbers, i) => {
    const tokens = compared[i];
    if (numbers.length !== 3 * tokens)
      throw other(`${numbers.length} numbers of a row in which ${tokens} tokens are compared, not ${3 * tokens}`);
    const [without, now, kl] = [0, 1, 2].map((k) => numbers.slice(k * tokens, (k + 1) * tokens));
    const [off, on] = byToken({ rows: [without, now] });
    return { without: off, with: on, kl };
  });
}
