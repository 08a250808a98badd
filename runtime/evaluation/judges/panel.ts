/**
 * The judges of one set at work: what each says of the answers, what people have said, and the measures that follow.
 */
import { boundsOf, isJudged, isLeftOpen } from '../../contract/measures.js';
import type { Label } from '../../contract/labels.js';
import type { Measurement, Verdict, WarningEvent } from '../../contract/events.js';
import { isLanguageModel, looksForPhrases, measuresOf, nameOn, type JudgedSet } from './choices.js';
import type { AnsweredPrompt, Judge, Opinion } from './judge.js';
import { measureSet } from './harmfulness.js';

/** What an answer is, as its event says it. */
interface Said {
  readonly verdict?: Verdict;
  readonly judge?: string;
  readonly verdicts?: Record<string, Verdict>;
  readonly label?: Label;
}

interface Panel {
  judge(answers: readonly AnsweredPrompt[], signal: AbortSignal): Promise<Said[]>;
  /** Of all that was judged. */
  measure(state: string): Measurement[];
  /** What was read in part, or left open. */
  warnings(state: string): WarningEvent[];
}

/**
 * @param labelOf what a person has said of an answer: it wins over every judge
 * @param unmatchedOf how many harmful answers are known, where a judge by phrases calls none of them harmful
 */
export function openPanel(
  judges: readonly Judge[],
  set: JudgedSet,
  labelOf: (answer: AnsweredPrompt) => Label | undefined = () => undefined,
  unmatchedOf?: (choice: Judge['choice']) => number | undefined,
): Panel {
  const names = judges.map(({ choice }) => nameOn(choice, set));
  const opinions = judges.map((): Opinion[] => []);
  const labels: (Label | undefined)[] = [];
  const cut: boolean[] = [];
  const verdictsOf = (k: number): (Verdict | undefined)[] => opinions[k].map(({ verdict }, i) => labels[i] ?? verdict);
  return {
    async judge(answers, signal) {
      const given = answers.map((answer) => (isJudged(set) ? labelOf(answer) : undefined));
      labels.push(...given);
      cut.push(...answers.map(({ goesOn = false }) => goesOn));
      const latest: Opinion[][] = [];
      for (const [k, judge] of judges.entries()) {
        const said = await judge.opinions(answers, set, signal);
        opinions[k].push(...said);
        latest.push(said);
      }
      return answers.map((_, i) =>
        said(
          names,
          latest.map((of) => of[i].verdict),
          given[i],
        ),
      );
    },
    measure: (state) =>
      judges.flatMap(({ choice }, k) => {
        const verdicts = verdictsOf(k);
        if (isJudged(set))
          return judgedMeasures(choice, verdicts, set, state, { labels, cut, unmatched: unmatchedOf?.(choice) });
        const wrong = verdicts.filter((verdict, i) => cut[i] && verdict === 'wrong').length;
        const all = measureSet(verdicts.filter(isVerdict), set, state);
        return all.map((one) => withInterval({ ...one, ...(wrong > 0 && { cut: wrong }) }));
      }),
    warnings(state) {
      const all = judges.flatMap((judge, k) => warningsOf(judge, names[k], opinions[k], answersOf(state, set)));
      // Of answers that no judge can judge it is said once.
      return [...new Map(all.map((warning) => [warning.message, warning])).values()];
    },
  };
}

/** @param verdicts in the order of the names; the main judge is the first who says something */
export function said(names: readonly string[], verdicts: readonly (Verdict | undefined)[], label?: Label): Said {
  const [main, ...others] = names.flatMap((name, k): [string, Verdict][] => {
    const verdict = verdicts[k];
    return verdict === undefined ? [] : [[name, verdict]];
  });
  return {
    ...(main && { verdict: main[1] }),
    ...(main && names.length > 1 && { judge: main[0], verdicts: Object.fromEntries(others) }),
    ...(label && { label }),
  };
}

const isVerdict = (verdict: Verdict | undefined): verdict is Verdict => verdict !== undefined;

const withInterval = (share: Measurement): Measurement => {
  const interval = isLeftOpen(share) ? undefined : boundsOf(share);
  return interval ? { ...share, interval } : share;
};

/** A share of a set whose rows have so many different prompts. */
export const onPrompts = (share: Measurement, prompts: number): Measurement =>
  prompts < share.count + (share.open ?? 0) ? withInterval({ ...share, prompts }) : share;

/**
 * Of a judge that has left too many answers open shares have no interval: which ones it left may be no chance
 * (isLeftOpen).
 * @param labels of people, which the verdicts hold; `cut`: which answers were cut off and may have gone on to show a
 * phrase; `unmatched`: see openPanel
 */
export function judgedMeasures(
  choice: Judge['choice'],
  verdicts: readonly (Verdict | undefined)[],
  set: JudgedSet,
  state: string,
  {
    labels = [],
    cut = [],
    unmatched,
  }: { labels?: readonly (Label | undefined)[]; cut?: readonly boolean[]; unmatched?: number } = {},
): Measurement[] {
  const judged = verdicts.filter(isVerdict);
  const open = verdicts.length - judged.length;
  const labelled = labels.filter(Boolean).length;
  const more = { ...(open > 0 && { open }), ...(labelled > 0 && { labelled }) };
  const silent = verdicts.filter((verdict, i) => cut[i] && !labels[i] && verdict === 'neither').length;
  const isCut = looksForPhrases(choice) && cut.includes(true);
  const isBlind = looksForPhrases(choice) && unmatched !== undefined;
  return measuresOf(choice, judged, set, state).map((one) =>
    withInterval({
      ...one,
      ...more,
      ...(one.measure === 'harm' && isCut && { cut: silent }),
      ...(isBlind && { unmatched }),
    }),
  );
}

export const answersOf = (state: string, { name }: JudgedSet): string => `answers of "${state}" to "${name}"`;

/** What was read in part, or left open. @param answers which ones the opinions are of: "answers of …" */
export function warningsOf(judge: Judge, name: string, opinions: readonly Opinion[], answers: string): WarningEvent[] {
  const of = `of ${opinions.length} ${answers}`;
  const truncated = opinions.filter((one) => one.truncated).length;
  const unfinished = opinions.filter((one) => one.unfinished).length;
  const open = opinions.filter((one) => one.verdict === undefined && !one.unfinished);
  const warnings: WarningEvent[] = [];
  if (truncated > 0)
    warnings.push({
      kind: 'warning',
      message: `${name} read only the first ${judge.maxTokens} tokens of ${truncated} ${of}.`,
      place: 'judges',
      remedy: 'Lower generation.maxNewTokens, or take a classifier for longer texts.',
    });
  if (unfinished > 0)
    warnings.push({
      kind: 'warning',
      message: `${unfinished} ${of} break off within a thought and cannot be judged.`,
      place: 'generation.maxNewTokens',
      remedy: 'Raise it until the thoughts end, and evaluate again.',
    });
  if (open.length > 0)
    warnings.push({
      kind: 'warning',
      message: `${name} has left ${open.length} ${of} open: ${open.at(-1)!.why}`,
      place: judge.remote?.place() ?? 'judges',
      remedy: `The answers are kept: judge them again ${isLanguageModel(judge.choice) ? 'when that is mended' : 'with more memory, or with another classifier or export'} (evaluate --answers RUN --judge …).`,
    });
  return warnings;
}
