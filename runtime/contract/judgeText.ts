/** Words on what judges took, and how far they agree. */
import type { Agreement } from './agreement.js';
import { PERSON } from './agreement.js';
import { fill, numbersIn, outward, type Side, type Wording } from './format.js';
import type { JudgeFacts, JudgeUsage } from './manifest.js';
import { stateName, TABLE_STRINGS, type TableStrings } from './table.js';

/** English words; the host translates them for its pages. */
export const JUDGE_STRINGS = {
  judgePerson: 'a person',
  agreementTitle: 'How far the judges agree',
  agreementSet: 'set',
  agreementJudges: 'judges',
  agreementKappa: "Cohen's κ",
  agreementDiffer: 'differ on',
  agreementOf: '{0} of {1}',
  agreementNone: 'not defined: both judge all answers alike',
  agreementRange: '{0} ({1} to {2})',
} as const;
export type JudgeStrings = Record<keyof typeof JUDGE_STRINGS, string> & TableStrings;

export const ENGLISH_JUDGES: Wording<JudgeStrings> = {
  strings: { ...TABLE_STRINGS, ...JUDGE_STRINGS },
  numbers: numbersIn(),
};

/** The head of the table of `agreementCells`. */
export const agreementHead = (s: JudgeStrings): string[] => [
  s.agreementSet,
  s.columnModel,
  s.agreementJudges,
  s.agreementKappa,
  s.agreementDiffer,
];

/** What makes it the same judge, whatever it is called. */
export const judgeIdentity = ({ at, model, rubric, sha256 }: Partial<JudgeFacts> = {}): string =>
  JSON.stringify([at, model, rubric, sha256]);

export const NO_USAGE: JudgeUsage = { requests: 0, inputTokens: 0, outputTokens: 0 };

/** What was taken in all; tokens that a server did not count make the sum unknown. */
export function added(a: JudgeUsage = NO_USAGE, b: JudgeUsage): JudgeUsage {
  const sum = (x: number | null, y: number | null): number | null => (x === null || y === null ? null : x + y);
  return {
    requests: a.requests + b.requests,
    inputTokens: sum(a.inputTokens, b.inputTokens),
    outputTokens: sum(a.outputTokens, b.outputTokens),
  };
}

/** "96 requests, 12,345 tokens read, 96 written". */
export function usageText({ requests, inputTokens, outputTokens }: JudgeUsage): string {
  const tokens =
    inputTokens === null || outputTokens === null
      ? 'tokens not counted by its server'
      : `${inputTokens} tokens read, ${outputTokens} written`;
  return `${requests} requests, ${tokens}`;
}

/**
 * The cells of a table: set, state of the model, judges, kappa with its interval, and how many answers they differ on.
 */
export function agreementCells(
  { set, state, judges, count, differ, kappa, interval }: Agreement,
  { strings: s, numbers: n }: Wording<JudgeStrings>,
): { set: string; model: string; judges: string; kappa: string; differ: string } {
  // Two decimals say enough, where they do not say 1.
  const rounded = (value: number): number => (value < 0.995 ? Math.round(100 * value) / 100 : value);
  const two = (value: number, side: Side): string => n.number(outward(value, 2, side));
  return {
    set,
    model: stateName(state, s),
    judges: judges.map((judge) => (judge === PERSON ? s.judgePerson : judge)).join(' · '),
    kappa:
      kappa === undefined || !interval
        ? s.agreementNone
        : fill(s.agreementRange, n.number(rounded(kappa)), two(interval[0], 'low'), two(interval[1], 'high')),
    differ: fill(s.agreementOf, n.count(differ), n.count(count)),
  };
}
