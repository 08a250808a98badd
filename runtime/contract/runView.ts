/** One reading of a run: all that is shown of it, in the reader's words. Who shows a run only draws it. */
import { BRIEF_STRINGS, briefText } from './brief.js';
import { CHART_STRINGS, chartSpecs, type ChartedRun } from './charts.js';
import { columnsOf } from './columns.js';
import { asksSame } from './askedSets.js';
import { doneOf, factsOf, harmfulLossOf, measurementsOf, type RunRecord } from './facts.js';
import { fill, numbersIn, type Wording } from './format.js';
import { invariantStates, type InvariantState } from './invariants.js';
import { KINDS } from './kinds.js';
import type { HarmfulLoss, Measurement } from './events.js';
import { namedProbes } from './probeRows.js';
import type { Recipe } from './recipe.js';
import { besideText, explanation, verdictText } from './sentences.js';
import { VERDICT_SENTENCES } from './verdictSentences.js';
import { DESCRIBE_STRINGS, type ChartSpec } from './series.js';
import { signsOf, type Signs } from './signs.js';
import { resultTable, TABLE_STRINGS, type ResultTable } from './table.js';
import { VECTOR_TABLE_STRINGS, vectorTable, type VectorTable } from './vectorTable.js';
import { runVerdict, type RunVerdict } from './verdict.js';

/** English words of all that a view says; the host translates them for its pages. */
export const VIEW_STRINGS = {
  ...VERDICT_SENTENCES,
  ...BRIEF_STRINGS,
  ...CHART_STRINGS,
  ...DESCRIBE_STRINGS,
  ...TABLE_STRINGS,
  ...VECTOR_TABLE_STRINGS,
  lawBroken: 'BROKEN: {0}',
  lawNotChecked: 'Not checked: {0}',
} as const;
export type ViewStrings = Record<keyof typeof VIEW_STRINGS, string>;

export const ENGLISH: Wording<ViewStrings> = { strings: VIEW_STRINGS, numbers: numbersIn() };

/** What a view is made from: a run as its folder holds it, or as a page is sent it. */
export interface RunReading extends ChartedRun {
  verdict: RunVerdict;
  /** Of a run that has ended: the invariants that it must check. */
  laws: readonly InvariantState[];
  /** Of the run, and of those that it is compared with. */
  measurements: readonly Measurement[];
  plain?: NonNullable<ChartedRun['plain']> & { harmfulLoss?: HarmfulLoss };
}

export interface RunView extends Signs {
  verdict: RunVerdict;
  /** The few words behind the mark; empty where there is nothing to say. */
  brief: string;
  /**
   * The verdict in sentences, with a plain run beside it; of a run that trains nothing only where it compares a
   * protected model.
   */
  headline?: string;
  /** What of its training explains it. */
  explanation?: string;
  laws: (InvariantState & { text: string })[];
  charts: ChartSpec[];
  table: ResultTable;
  /** Of a run with several vectors. */
  vectors?: VectorTable;
}

export function runView(run: RunReading, wording: Wording<ViewStrings> = ENGLISH): RunView {
  const { kind, verdict, laws, measurements, plain } = run;
  const own = KINDS[kind].trains;
  const isJudged = verdict.kind === 'held' || verdict.kind === 'weakened' || verdict.kind === 'lost';
  // Of several that have risen the first; else where the delivered model does worst.
  const told = isJudged ? ('risen' in verdict ? verdict.risen[0] : verdict.harm) : undefined;
  const beside = (told || !own) && besideText(measurements, plain?.harmfulLoss, told, wording);
  const headline = [own && verdictText(verdict, wording), beside].filter(Boolean).join(' ');
  const why = isJudged && explanation(verdict.pull, wording);
  const vectors = vectorTable(verdict, wording);
  return {
    verdict,
    ...signsOf(verdict),
    brief: briefText(verdict, measurements, wording),
    ...(headline && { headline }),
    ...(why && { explanation: why }),
    laws: laws.map((one) => ({ ...one, text: invariantText(one, wording.strings) })),
    charts: chartSpecs(run, wording),
    table: resultTable(measurements, wording),
    ...(vectors && { vectors }),
  };
}

function invariantText({ invariant, state }: InvariantState, s: ViewStrings): string {
  return {
    held: s[invariant],
    broken: fill(s.lawBroken, s[invariant]),
    unchecked: fill(s.lawNotChecked, s[invariant]),
  }[state];
}

/** A run folder's files. The recipe is absent where it is not one that this version reads. */
export interface RunFolderRecord extends RunRecord {
  recipe?: Recipe;
}

/** Paths of a recipe are relative to the file that was run. */
function namedBy({ manifest, recipe }: RunFolderRecord): Pick<RunReading, 'named'> {
  const folder = manifest.recipe?.replace(/[^\\/]*$/, '') ?? '';
  const isAbsolute = (path: string): boolean => /^([\\/]|[a-z]:)/i.test(path);
  const named = namedProbes(recipe, (path) => (isAbsolute(path) ? path : `${folder}${path}`));
  return Object.keys(named).length > 0 ? { named } : {};
}

/** The numbers of a run that stand beside those of another: not those of sets that ask something else. */
export const measurementsAs = (run: RunFolderRecord, other: RunFolderRecord): Measurement[] =>
  measurementsOf(other).filter(({ name }) => asksSame(run.manifest, other.manifest, name) !== false);

/** A run as its folder holds it. `plain`: a run without a vector, drawn in grey for comparison. */
export function readingOf(run: RunFolderRecord, plain?: RunFolderRecord): RunReading {
  const { manifest, recipe, events } = run;
  const facts = factsOf(run);
  const own = measurementsOf(run);
  const isBeside = plain?.manifest.outcome === 'finished' && !own.some(({ state }) => state === 'plain');
  const beside = isBeside ? measurementsAs(run, plain).filter(({ state }) => state === 'plain') : [];
  return {
    kind: manifest.kind,
    vectors: manifest.vectors,
    ...columnsOf(events),
    ...namedBy(run),
    ...(recipe?.kind === 'vector' && { goalHarmfulLoss: recipe.stop?.harmfulLoss }),
    ...(plain && {
      plain: { probes: columnsOf(plain.events).probes, ...namedBy(plain), harmfulLoss: harmfulLossOf(plain) },
    }),
    verdict: runVerdict(facts),
    laws: doneOf(run)?.outcome === 'finished' ? invariantStates(facts) : [],
    measurements: [...own, ...beside],
  };
}
