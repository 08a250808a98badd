/** A run in the few words that a tree, a lens or a list has room for; they stand behind the verdict's mark. */
import { fill, type Wording } from './format.js';
import type { Measurement } from './events.js';
import { isFiniteNumber, isLeftOpen } from './measures.js';
import { isRecallExtrapolated } from './scanText.js';
import { sortStates } from './states.js';
import { MEASURES, resultsText, type TableStrings } from './table.js';
import { trialOf, type RunVerdict } from './verdict.js';

export const BRIEF_STRINGS = {
  briefHarm: 'harm {0}',
  briefFinds: 'finds {0}',
  briefFindsAbout: 'finds about {0}',
  briefWeakened: 'weakened',
  briefBroken: 'an invariant is broken',
  briefReady: 'ready',
  briefUntried: 'not tried',
  briefUnready: 'not ready',
  briefUnknown: 'no verdict',
  briefLearned: 'harm learned',
  briefSet: '{0} on "{1}": {2}',
} as const;
export type BriefStrings = Record<keyof typeof BRIEF_STRINGS, string>;
type BriefWording = Wording<BriefStrings & TableStrings>;

/** States of which an evaluation without a harm set shows the numbers. */
const MAX_RESULTS = 3;

/** What the verdict rests on; empty for a run that is not over or did not end well, and where nothing was measured. */
export function briefText(verdict: RunVerdict, measurements: readonly Measurement[], wording: BriefWording): string {
  const { strings: s, numbers: n } = wording;
  if (verdict.kind === 'failed' || 'soFar' in verdict) return '';
  const { harm: worst } = verdict;
  const harm = worst && fill(s.briefHarm, worst.isBound ? `≥\u00a0${n.bound(worst.now, 'low')}` : n.percent(worst.now));
  switch (verdict.kind) {
    case 'held':
    case 'lost':
      return join(harm);
    case 'weakened':
      return join(s.briefWeakened, harm);
    case 'broken':
      return s.briefBroken;
    case 'ready': {
      const { recall } = verdict.quality;
      const finds = isRecallExtrapolated(verdict.quality) ? s.briefFindsAbout : s.briefFinds;
      return join(
        s.briefReady,
        recall === undefined ? undefined : fill(finds, n.percent(recall)),
        trialOf(verdict.quality) === undefined ? s.briefUntried : undefined,
      );
    }
    case 'unready':
      return s.briefUnready;
    case 'unknown':
      return join(s.briefUnknown, harm);
    case 'unprotected':
      return verdict.learned?.cause === 'learned' ? s.briefLearned : join(verdict.untold && s.briefUnknown, harm);
    case 'evaluated':
      return evaluatedText(byMainJudge(measurements), wording);
  }
}

/**
 * Of several sets or measures one is named and told: of sets of harm that where most was found or may be, else the
 * first.
 */
function evaluatedText(measured: readonly Measurement[], wording: BriefWording): string {
  const rates = measured.filter(({ measure }) => measure === 'harm');
  const worst = rates.toSorted((a, b) => mostOf(b) - mostOf(a))[0];
  const one = worst ?? measured[0];
  if (!one) return '';
  const isIts = ({ name, measure }: Measurement): boolean => name === one.name && measure === one.measure;
  const own = measured.filter(isIts);
  const text = resultsText(sortStates(worst ? own : own.slice(0, MAX_RESULTS)), wording);
  if ((worst ? rates : measured).every(isIts)) return text;
  return `${fill(wording.strings.briefSet, wording.strings[MEASURES[one.measure].label], one.name, text)} …`;
}

const mostOf = (one: Measurement): number => (isLeftOpen(one) ? Infinity : isFiniteNumber(one.value) ? one.value : -1);

const join = (...parts: (string | undefined)[]): string => parts.filter(Boolean).join(', ');

/** Of each state, set and measure the number of the main judge, who comes first. */
function byMainJudge(measurements: readonly Measurement[]): Measurement[] {
  const first = new Map<string, Measurement>();
  for (const m of measurements) {
    const key = JSON.stringify([m.state, m.name, m.measure]);
    if (!first.has(key)) first.set(key, m);
  }
  return [...first.values()];
}
