/** How many rows people have decided about. */
import { decisionCounts, type Decision } from '../../runtime/contract/review.js';
import type { Reviews } from './reviews.js';
import type { Scan, Scans } from './scans.js';

/** Of texts that several rows of a file have: how many, by their hash. */
const copies = new WeakMap<Scan, ReadonlyMap<string, number>>();

function copiesIn(scan: Scan): ReadonlyMap<string, number> {
  let found = copies.get(scan);
  if (!found) {
    const seen = new Set<string>();
    const several = new Map<string, number>();
    for (const hash of scan.table.hashes.split(' '))
      if (seen.has(hash)) several.set(hash, (several.get(hash) ?? 1) + 1);
      else seen.add(hash);
    copies.set(scan, (found = several));
  }
  return found;
}

/** A decision is about a text, and so about each row that has it: those of the scan are known, others count once. */
export function reviewedRows(
  data: string,
  { reviews, scans }: { reviews: Pick<Reviews, 'get'>; scans: Pick<Scans, 'get'> },
): Record<Decision, number> {
  const decisions = reviews.get(data);
  const counts = decisionCounts(decisions.values());
  const scan = scans.get(data);
  if (decisions.size > 0 && scan)
    for (const [hash, rows] of copiesIn(scan)) {
      const decision = decisions.get(hash);
      if (decision) counts[decision] += rows - 1;
    }
  return counts;
}
