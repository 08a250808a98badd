/** What a person has decided about rows of a data file: kept beside it, by the hashes of the rows. */
import { z } from 'zod';
import { parseJsonc } from './jsonc.js';
import { safeParse } from './safeParse.js';

export const DECISIONS = ['exclude', 'fine', 'unsure'] as const;
export type Decision = (typeof DECISIONS)[number];
/** By the hash of a row (`ScanRow.hash`); rows that nobody has decided are not in it. */
export type Decisions = ReadonlyMap<string, Decision>;

const SUFFIX = '.review.json';
export const reviewFile = (data: string): string => `${data}${SUFFIX}`;
export const isReviewFile = (file: string): boolean => file.endsWith(SUFFIX);
/** The data file that a review is of. */
export const reviewedFile = (review: string): string => review.slice(0, -SUFFIX.length);

/** Of a million rows. */
export const MAX_REVIEW_BYTES = 32 * 1024 * 1024;

const hashes = z.array(z.string().regex(/^[\w-]{16}$/, 'this is not the hash of a row'));
const REVIEW = z.strictObject({ version: z.literal(1), exclude: hashes, fine: hashes, unsure: hashes });

/** Why a text is no review: not JSON from a line on, another form at a key, or two decisions about one row. */
export type ReviewFault =
  { kind: 'json'; line: number } | { kind: 'form'; key: string } | { kind: 'twice'; hash: string };

/** Never throws: a review is either whole or not read at all. */
export function parseReview(text: string): { decisions: Decisions } | { fault: ReviewFault } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: { kind: 'json', line: parseJsonc(text).fault?.line ?? 1 } };
  }
  const read = safeParse(REVIEW, value);
  if (!read.success) {
    const [issue] = read.error.issues;
    const keys = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : (issue?.path ?? []);
    return { fault: { kind: 'form', key: keys.join('.') } };
  }
  const decisions = new Map<string, Decision>();
  for (const decision of DECISIONS)
    for (const hash of read.data[decision]) {
      if (decisions.has(hash)) return { fault: { kind: 'twice', hash } };
      decisions.set(hash, decision);
    }
  return { decisions };
}

/** One hash a line, in order: a decision more is a line more in a comparison of two versions. */
export function reviewText(decisions: Decisions): string {
  const lists: Record<Decision, string[]> = { exclude: [], fine: [], unsure: [] };
  for (const [hash, decision] of decisions) lists[decision].push(hash);
  const sorted = DECISIONS.map((decision): [string, string[]] => [decision, lists[decision].sort()]);
  return `${JSON.stringify({ version: 1, ...Object.fromEntries(sorted) }, undefined, 1)}\n`;
}

/** How many rows of each. */
export function decisionCounts(decisions: Iterable<Decision | undefined>): Record<Decision, number> {
  const counts = { exclude: 0, fine: 0, unsure: 0 };
  for (const decision of decisions) if (decision) counts[decision]++;
  return counts;
}
