/**
 * Which rows the lines of a fine-tuning were measured on: what they are called, and whether two runs have the same
 * ones.
 */
import type { ProbeColumns } from './columns.js';
import type { HarmfulLoss, ProbeRows } from './events.js';
import { fill, type Wording } from './format.js';
import type { FinetuneRecipe } from './recipe.js';

/** English words for rows; the host translates them for its pages. */
export const ROWS_STRINGS = {
  rowsHeldOut: '{0} harmful rows that the vector was not trained on',
  rowsProbes: '{0} harmful rows of the recipe',
  rowsTrained: '{0} of the harmful rows that the vector was made from',
  rowsAnchored: '{0} of the harmful rows that the vector was made from, which the anchor holds',
  anchoredOnly: 'Rows that the anchor holds say nothing about other rows.',
  rowsBenign: '{0} harmless rows of the recipe',
  rowsUnflagged: 'the first {0} rows of the training data that are not flagged',
  rowsData: 'the first {0} rows of the training data, whether harmful or not',
} as const;
type Words = Wording<Record<keyof typeof ROWS_STRINGS, string>>;

export type ProbeKind = keyof ProbeRows;
const KINDS = ['harmful', 'benign'] as const satisfies ProbeKind[];

const HARMFUL = {
  heldOut: 'rowsHeldOut',
  probes: 'rowsProbes',
  trained: 'rowsTrained',
  anchored: 'rowsAnchored',
} as const satisfies Record<HarmfulLoss['rows'], keyof typeof ROWS_STRINGS>;
const BENIGN = {
  probes: 'rowsBenign',
  unflagged: 'rowsUnflagged',
  data: 'rowsData',
} as const satisfies Record<NonNullable<ProbeRows['benign']>['rows'], keyof typeof ROWS_STRINGS>;

/** "8 harmful rows that the vector was not trained on". */
export const harmfulRowsText = (
  { rows, of }: Pick<HarmfulLoss, 'rows' | 'of'>,
  { strings: s, numbers: n }: Words,
): string => fill(s[HARMFUL[rows]], n.count(of));

export const benignRowsText = (
  { rows, of }: Pick<NonNullable<ProbeRows['benign']>, 'rows' | 'of'>,
  { strings: s, numbers: n }: Words,
): string => fill(s[BENIGN[rows]], n.count(of));

/** What an event says of its rows, as far as it is what this version writes. */
export function probeRowsOf(value: ProbeRows | undefined): ProbeRows | undefined {
  const { harmful, benign } = value ?? {};
  const isWhole = (one: ProbeRows[ProbeKind], words: object): boolean =>
    Object.hasOwn(words, one?.rows ?? '') && Number.isSafeInteger(one?.of) && typeof one?.id === 'string';
  const found: ProbeRows = {
    ...(isWhole(harmful, HARMFUL) && { harmful }),
    ...(isWhole(benign, BENIGN) && { benign }),
  };
  return Object.keys(found).length > 0 ? found : undefined;
}

/**
 * The data sources in `probes` of a recipe as text, with their paths as `at` makes them: the same text, the same rows.
 */
export type NamedProbes = { [K in ProbeKind]?: string };
export function namedProbes(recipe: unknown, at: (path: string) => string): NamedProbes {
  const { probes } = (recipe ?? {}) as { probes?: Partial<FinetuneRecipe['probes']> };
  const named = KINDS.flatMap((kind) => {
    const source = probes?.[kind];
    return typeof source?.file === 'string' ? [[kind, JSON.stringify({ ...source, file: at(source.file) })]] : [];
  });
  return Object.fromEntries(named) as NamedProbes;
}

/** What tells of a run which rows it has measured. */
export interface Measured {
  probes: ProbeColumns;
  named?: NamedProbes;
}

/**
 * Whether both have measured the same rows. A run of an earlier version did not tell which: they are those that its
 * recipe names, if it names any.
 */
function sameRows(kind: ProbeKind, ...runs: readonly [Measured, Measured]): boolean {
  if (runs.some(({ probes }) => probes.step.length === 0)) return false;
  const [one, other] = runs.map(({ probes }) => probes.rows?.[kind]);
  if (one && other) return one.id === other.id;
  const [ours, theirs] = runs.map(({ named }) => named?.[kind]);
  return ours !== undefined && ours === theirs && (one ?? other)?.rows !== 'heldOut';
}

/** The lines of a plain run that can be drawn beside those of another: of the same rows. */
export const sharedRows = (run: Measured, plain: Measured): ProbeKind[] =>
  KINDS.filter((kind) => plain.probes[`${kind}LossWithout`] && sameRows(kind, run, plain));
