/** How many of how many answers count, in the words of a verdict. */
import { fill, type Wording } from './format.js';
import { counted } from './intervals.js';
import { boundsOf, type Compared } from './measures.js';
import type { VerdictSentences } from './verdictSentences.js';

export type VerdictWording = Wording<VerdictSentences>;

/**
 * Answers of the delivered model that are harm, prompts, its bound, and the same of the base. A bound rests on different
 * prompts: where these are fewer it is said how many there are.
 */
export function countsText(
  { base, baseCount, now, ...rest }: Compared,
  side: 'low' | 'high',
  { strings: s, numbers: n }: VerdictWording,
): [string, string, string, string, string] {
  const of = (share: number, all: number, prompts = all): [string, string] => {
    if (!Number.isFinite(all)) return [n.percent(share), s.noNumber];
    const asked = prompts < all ? fill(s.differentPrompts, n.count(all), n.count(prompts)) : n.count(all);
    return [n.count(counted(share, all).hits), asked];
  };
  const bounds = boundsOf({ value: now, ...rest });
  return [
    ...of(now, rest.count, rest.prompts),
    bounds ? n.bound(bounds[side === 'low' ? 0 : 1], side) : s.noNumber,
    ...of(base, baseCount),
  ];
}

/** The name of a set, and how many of how many answers count, of the base's, too. */
export function countsOf(
  { name, now, count, base, baseCount }: Pick<Compared, 'name' | 'now' | 'count' | 'base' | 'baseCount'>,
  n: VerdictWording['numbers'],
): string[] {
  const of = (share: number, all: number): string[] => [n.count(counted(share, all).hits), n.count(all)];
  return [name, ...of(now, count), ...of(base, baseCount)];
}
