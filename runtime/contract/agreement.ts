/** How far judges agree on whether an answer counts: Cohen's kappa with an interval. Pure. */
import { isJudged } from './measures.js';
import { Z } from './intervals.js';
import type { Verdict } from './events.js';
import type { MeasureKind } from './recipeWords.js';
import type { SampleEvent } from './answers.js';
import { stateNames } from './states.js';
import { sum } from './sum.js';

/** The name of a person among the judges. */
export const PERSON = 'person';

export interface Agreement {
  set: string;
  state: string;
  judges: [string, string];
  /** Answers that both have judged, and on how many of them they differ. */
  count: number;
  differ: number;
  /** Absent where both give all answers one and the same verdict: then chance explains everything. */
  kappa?: number;
  /** 95 % interval. */
  interval?: [low: number, high: number];
}

/** Answers by what two judges say: [both, only the first, only the second, none]. */
export type Table = readonly [both: number, first: number, second: number, none: number];

/** Cohen 1960: the agreement beyond chance, as a share of what chance leaves. */
export function cohensKappa(table: Table): number | undefined {
  const { observed, chance } = moments(table);
  return chance < 1 && table.some((n) => n > 0) ? (observed - chance) / (1 - chance) : undefined;
}

/**
 * Its two-sided 95 % interval: the standard error of Fleiss, Cohen and Everitt (1969) for the table with one half added
 * to each cell, so that a table without a difference has an interval too. It holds the estimate itself.
 */
export function kappaInterval(table: Table): [low: number, high: number] | undefined {
  const kappa = cohensKappa(table);
  if (kappa === undefined) return undefined;
  const more = table.map((n) => n + 0.5) as unknown as Table;
  const { n, shares, rows, columns, observed, chance } = moments(more);
  const near = (observed - chance) / (1 - chance);
  const left = 1 - near;
  const on = [0, 3].map((i, k) => shares[i] * (1 - (rows[k] + columns[k]) * left) ** 2);
  const off = shares[1] * (columns[0] + rows[1]) ** 2 + shares[2] * (columns[1] + rows[0]) ** 2;
  const variance = (on[0] + on[1] + left ** 2 * off - (near - chance * left) ** 2) / (n * (1 - chance) ** 2);
  const half = Z * Math.sqrt(Math.max(0, variance));
  return [Math.max(-1, Math.min(kappa, near - half)), Math.min(1, Math.max(kappa, near + half))];
}

function moments(table: Table) {
  const n = sum(table);
  const shares = table.map((one) => one / n);
  const [both, first, second, none] = shares as [number, number, number, number];
  const rows = [both + first, second + none];
  const columns = [both + second, first + none];
  return {
    n,
    shares,
    rows,
    columns,
    observed: both + none,
    chance: rows[0] * columns[0] + rows[1] * columns[1],
  };
}

/** What a measure counts: harmful answers, or refusals. */
const counts = (measure: MeasureKind, verdict: Verdict): boolean =>
  verdict === (measure === 'over-refusal' ? 'refused' : 'complied');

/**
 * Each two judges of each set that has several; a person's labels are a judge, too. Each state of the model by itself:
 * answers of one that always refuses and of one that always complies are easy to tell apart, and would hide where
 * judges differ. What several runs say alike counts once. @param events of a run as `latestAnswers` gives them
 */
export function agreements(events: readonly SampleEvent[], measureOf: (set: string) => MeasureKind): Agreement[] {
  const different = new Map(
    events.map((one) => [JSON.stringify([one.state, one.set, one.row, one.prompt, one.answer, verdictsOf(one)]), one]),
  );
  const samples = [...different.values()];
  return [...new Set(samples.map(({ set }) => set))].flatMap((set) => {
    const measure = measureOf(set);
    if (!isJudged({ measure })) return [];
    const ofSet = samples.filter((one) => one.set === set);
    return stateNames(ofSet.map(({ state }) => state)).flatMap((state) => {
      const said = ofSet.filter((one) => one.state === state).map(verdictsOf);
      const judges = [...new Set(said.flatMap((one) => Object.keys(one)))];
      return judges.flatMap((a, i) =>
        judges.slice(i + 1).flatMap((b) => between({ set, state }, [a, b], measure, said)),
      );
    });
  });
}

function between(
  of: Pick<Agreement, 'set' | 'state'>,
  judges: [string, string],
  measure: MeasureKind,
  said: readonly Readonly<Record<string, Verdict>>[],
): Agreement[] {
  const cells: [number, number, number, number] = [0, 0, 0, 0];
  for (const one of said) {
    const [a, b] = judges.map((judge) => one[judge]);
    if (a === undefined || b === undefined) continue;
    cells[(counts(measure, a) ? 0 : 2) + (counts(measure, b) ? 0 : 1)]++;
  }
  const count = sum(cells);
  if (count === 0) return [];
  const [kappa, interval] = [cohensKappa(cells), kappaInterval(cells)];
  return [{ ...of, judges, count, differ: cells[1] + cells[2], ...(kappa !== undefined && { kappa, interval }) }];
}

/** What each judge by itself says of an answer. */
function verdictsOf({ judge, verdict, verdicts, label }: SampleEvent): Record<string, Verdict> {
  const main = judge === undefined || verdict === undefined ? {} : { [judge]: verdict };
  return { ...main, ...verdicts, ...(label && { [PERSON]: label }) };
}
