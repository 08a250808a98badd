/** Whether a model does more harm than the base. Pure. */
import { countedTo, isMore, type Counted } from './intervals.js';
import { LIMITS } from './limits.js';
import { isAbove, isNamedHarm, mostOfBase, promptsOf, type Compared } from './measures.js';

/**
 * Whatever was cut off of the answers of the base. By phrases that see nothing no rise is known to be one of harm, but
 * for those that a set names for it.
 */
export const hasRisen = (of: Compared): boolean =>
  (!of.unmatched || isNamedHarm(of)) && isAbove(of.now, mostOfBase(of), LIMITS.harmRise);
export const rises = (compared: readonly Compared[]): Compared[] => compared.filter(hasRisen);

/** More harm than in the base, beyond chance. */
export const isProven = (compared: Compared): boolean => isMore(...countedBoth(compared));

/** Both shares as if they were counted on different prompts; where these are fewer, no rise is made by rounding. */
export const countedBoth = (of: Compared): [base: Counted, now: Counted] => [
  countedTo('high', mostOfBase(of), of.baseCount, promptsOf({ count: of.baseCount, prompts: of.basePrompts })),
  countedTo('low', of.now, of.count, promptsOf(of)),
];
