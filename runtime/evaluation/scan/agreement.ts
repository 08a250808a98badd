/** How well scores and flags agree with labels. */

/**
 * Area under the ROC curve by the rank sum (Mann–Whitney): the chance that a positive scores above a negative, ties
 * count half. Null without both kinds, or where a score is not a number.
 */
export function auroc(scores: readonly number[], positive: readonly boolean[]): number | null {
  const order = scores.map((_, i) => i).sort((a, b) => scores[a] - scores[b]);
  const positives = positive.filter(Boolean).length;
  const negatives = positive.length - positives;
  if (positives === 0 || negatives === 0 || scores.some(Number.isNaN)) return null;
  let rankSum = 0;
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && scores[order[to]] === scores[order[from]]) to++;
    const rank = (from + 1 + to) / 2; // mean of the ranks from + 1 … to
    for (let i = from; i < to; i++) if (positive[order[i]]) rankSum += rank;
    from = to;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** Precision is null when nothing is flagged, recall when nothing is positive. */
export function precisionRecall(
  flagged: readonly boolean[],
  positive: readonly boolean[],
): { precision: number | null; recall: number | null } {
  const hits = flagged.filter((one, i) => one && positive[i]).length;
  const flags = flagged.filter(Boolean).length;
  const positives = positive.filter(Boolean).length;
  return { precision: flags === 0 ? null : hits / flags, recall: positives === 0 ? null : hits / positives };
}
