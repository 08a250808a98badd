/** What a person has decided about rows of a data file: kept beside it, by the hashes of the rows. */
import { hashListsText, parseHashLists, type HashListsFault } from './hashLists.js';

export const DECISIONS = ['exclude', 'fine', 'unsure'] as const;
export type Decision = (typeof DECISIONS)[number];
/** By the hash of a row (`ScanRow.hash`); rows that nobody has decided are not in it. */
export type Decisions = ReadonlyMap<string, Decision>;

const SUFFIX = '.review.json';
export const reviewFile = (data: string): string => `${data}${SUFFIX}`;
export const isReviewFile = (file: string): boolean => file.endsWith(SUFFIX);
/** The data file that a review is of. */
export const reviewedFile = (review: string): string => review.slice(0, -SUFFIX.length);

/** Never throws: a review is either whole or not read at all. */
export function parseReview(text: string): { decisions: Decisions } | { fault: HashListsFault } {
  const read = parseHashLists(DECISIONS, text);
  return 'fault' in read ? read : { decisions: read.found };
}

export const reviewText = (decisions: Decisions): string => hashListsText(DECISIONS, decisions);

/** How many rows of each. */
export function decisionCounts(decisions: Iterable<Decision | undefined>): Record<Decision, number> {
  const counts = { exclude: 0, fine: 0, unsure: 0 };
  for (const decision of decisions) if (decision) counts[decision]++;
  return counts;
}
