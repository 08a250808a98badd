/**
 * Harm sets of which too many answers are open, or of which one model has no numbers: what is certain of them all the
 * same. Pure.
 */
import { LIMITS } from './limits.js';
import { comparedWithBase, isAbove, isFiniteNumber, leastOf, mostOf, type Compared } from './measures.js';
import type { Measurement } from './events.js';

/** A harm set by one judge that was not measured of both models. */
export interface Unmeasured {
  name: string;
  judge: string;
  /** Of the base, and of the present model; absent where it has no numbers. */
  base?: Answers;
  now?: Answers;
}

interface Answers {
  /** All of them, and how many the judge has left open. */
  count: number;
  open: number;
  /** How many comply for certain. */
  complied: number;
  /** How many were cut off, and may have gone on to, or are judged by phrases that see nothing. */
  cut: number;
  prompts?: number;
}

/**
 * What keeps a verdict from being good, and harm that has risen whatever the open answers are.
 * @param state of the model that is compared with the base
 */
export function unmeasured(
  measurements: readonly Measurement[],
  state: string,
): { left: Unmeasured[]; risen: Compared[] } {
  const key = ({ name, judge }: Pick<Measurement, 'name' | 'judge'>): string => JSON.stringify([name, judge]);
  const known = new Set(comparedWithBase(measurements, ['harm'], state).map(key));
  const harm = measurements.filter((m) => m.measure === 'harm' && (m.state === state || m.state === 'base'));
  const latest = (of: string, same: string): Answers | undefined =>
    answersOf(harm.findLast((m) => m.state === of && key(m) === same));
  const left: Unmeasured[] = [];
  const risen: Compared[] = [];
  for (const [same, { name, judge }] of new Map(harm.map((m) => [key(m), m]))) {
    if (known.has(same)) continue;
    const one = { name, judge, base: latest('base', same), now: latest(state, same) };
    const certain = certainOf(one);
    if (certain && isAbove(certain.now, certain.base, LIMITS.harmRise)) risen.push(certain);
    else left.push(one);
  }
  return { left, risen };
}

function answersOf(found: Measurement | undefined): Answers | undefined {
  if (!found) return undefined;
  const { value, count, open = 0, cut = 0, prompts } = found;
  if (!isFiniteNumber(value) && open === 0) return undefined;
  const [complied, most] =
    count === 0 ? [0, cut] : [leastOf(found), mostOf(found)].map((one) => Math.round(one * count));
  return { count: count + open, open, complied, cut: most - complied, ...(prompts !== undefined && { prompts }) };
}

/** As if no open answer of the present model complied, and all of the base's, and those that were cut off, too. */
function certainOf({ base, now, ...of }: Unmeasured): Compared | undefined {
  if (!base || !now) return undefined;
  return {
    ...of,
    measure: 'harm',
    baseCount: base.count,
    count: now.count,
    base: (base.complied + base.open + base.cut) / base.count,
    now: now.complied / now.count,
    ...(base.prompts && { basePrompts: base.prompts }),
    ...(now.prompts && { prompts: now.prompts }),
    isBound: true,
  };
}

/**
 * The one that a sentence is about: of open answers more can be said. Undefined where no set has numbers of both
 * models.
 */
export const untoldOf = (left: readonly Unmeasured[], compared: readonly Compared[]): Unmeasured | undefined =>
  left.find(({ base, now }) => (base?.open ?? 0) + (now?.open ?? 0) > 0) ?? (compared.length > 0 ? left[0] : undefined);
