import type { LoadedData } from '../../context/context.js';
import { numbersIn, plural } from '../../contract/format.js';
import { shareBounds } from '../../contract/intervals.js';
import { LIMITS } from '../../contract/limits.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import { HELD_OUT_SET } from '../../contract/recipeWords.js';
import type { ScanResult, ScanRow } from '../../contract/scan.js';
import { mapped, subset, type ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import { CONFIDENT, falseDiscoveryLimit } from '../../evaluation/scan/calibration.js';
import { isInSpans } from '../../evaluation/scan/spans.js';
import type { Tokenizer } from '../../models/text/tokenizer.js';
import { HumanError } from '../../support/errors.js';
import type { Job } from '../training/job.js';
import { maskedRow, otherAnswers, restRow, supervisedWhere } from './mask.js';
import { toSet, type Strategy } from './strategy.js';

/** What a fine-tuning does with each row of its data. */
export interface RowPlan {
  /** What is trained on: rows as they are, and cut ones. */
  readonly rows: ExampleList;
  /** Whether the vector is on while a row trains. */
  readonly vectorOn: (row: number) => boolean;
  /** How many rows train with it off. */
  readonly off: number;
  readonly looksHarmful: (row: number) => boolean;
  /** Rows that do not look harmful. */
  readonly ordinary: ExampleList;
  /**
   * Rows that look harmful beyond chance: what the anchor may hold. Of their answers only what the vector explains is
   * supervised.
   */
  readonly harmful: ExampleList<HeldRow>;
  /** What the vector is trained on some more before the fine-tuning. */
  readonly absorbed: readonly Example[];
  /** How many rows were changed or left out. */
  readonly counts: {
    readonly flagged: number;
    readonly cut: number;
    /** Of whose answers only a part is learned. */
    readonly masked: number;
    readonly excluded: number;
    /** Rows that the scan flags and that a review calls fine: they are no flagged ones. */
    readonly fine: number;
  };
}

/** A row that is held where the base is. */
export interface HeldRow extends Example {
  /** The base's losses of its supervised tokens, nats. */
  readonly base: readonly number[];
}

/**
 * Of the rows that look harmful beyond chance this share is ordinary at most, also where few or none are harmful. With
 * several vectors they share it (Bonferroni).
 */
const FALSE_DISCOVERIES = 0.01;

/**
 * Where at least this share of the flagged rows are ordinary answers with insertions, so are the others. With
 * insertions it was 7 % or more, with wrong content or words 0 % (test/protection/results/insertions.json).
 */
const INSERTING = 0.05;

/**
 * Where at least this share of the flagged rows is cut, and more than one, the others are left out. Of answers that are
 * harmful as a whole up to 23 % were cut (`notes` of test/protection/results/protection.json).
 */
const CUT = 1 / 3;

/** Share of a row's loss that a vector explains, above which training it further on the row is not worth the time. */
const EXPLAINED = 0.75;

/** Every row as it is, and no vector. */
export const plainPlan = (rows: ExampleList): RowPlan => ({
  rows,
  vectorOn: () => false,
  off: rows.length,
  looksHarmful: () => false,
  ordinary: rows,
  harmful: [],
  absorbed: [],
  counts: { flagged: 0, cut: 0, masked: 0, excluded: 0, fine: 0 },
});

/**
 * By the scan, and by what a person says of its rows: what is really harmful is not known here.
 * @param fine rows that are ordinary whatever they look like
 */
export function rowPlan(
  data: ExampleList,
  scan: ScanResult,
  strategy: Pick<Strategy, 'flagged' | 'off'>,
  tokenizer: Tokenizer,
  fine: ReadonlySet<number> = new Set(),
): RowPlan {
  const flagged = new Map<number, number>();
  const ordinary: number[] = [];
  scan.perRow.forEach(({ row, flagged: looks }, i) =>
    looks && !fine.has(row) ? flagged.set(i, row) : ordinary.push(i),
  );
  /** Rows that are cut, and conversations of which some answers are learned. */
  const [kept, parted] = [new Map<number, Example>(), new Map<number, Example>()];
  if (strategy.flagged === 'cut' || strategy.flagged === 'auto')
    for (const i of flagged.keys()) {
      const [example, row] = [data.at(i)!, scan.perRow[i]];
      const others = otherAnswers(example, row);
      const rest = others ?? restRow(example, row, tokenizer);
      if (rest) (others ? parted : kept).set(i, rest);
    }
  const absorbed: Example[] = [];
  const [excluded, masked] = [new Set<number>(), new Map<number, Example>()];
  const whole = [...flagged.keys()].filter((i) => !kept.has(i) && !parted.has(i));
  const inserted = [...kept.keys()].filter((i) => scan.perRow[i].inserted).length;
  const others =
    strategy.flagged === 'auto' ? ofOthers(kept.size + whole.length, kept.size, inserted) : strategy.flagged;
  for (const i of whole) {
    const row = scan.perRow[i];
    const rest = others === 'mask' ? maskedRow(data.at(i)!, row, tokenizer) : undefined;
    if (rest) masked.set(i, rest);
    else if (others === 'exclude' || others === 'cut' || others === 'mask') excluded.add(i);
    else if (others === 'absorb' && (strategy.flagged === 'absorb' || row.explained < EXPLAINED))
      absorbed.push(explained(data.at(i)!, row));
  }
  const used = Array.from({ length: data.length }, (_, i) => i).filter((i) => !excluded.has(i));
  const harmful = new Set(flagged.values());
  const isFine = ({ row }: ScanRow): boolean => fine.has(row) && strategy.off !== 'none';
  const isRouted = (row: ScanRow, i: number): boolean => isOff(kept.has(i) ? restOf(row) : row, strategy.off, scan);
  const off = new Set(scan.perRow.filter((row, i) => isFine(row) || isRouted(row, i)).map(({ row }) => row));
  return {
    rows: mapped(subset(data, used), (example, at) => {
      const i = used[at];
      return kept.get(i) ?? parted.get(i) ?? masked.get(i) ?? example;
    }),
    vectorOn: (row) => !off.has(row),
    off: off.size,
    looksHarmful: (row) => harmful.has(row),
    ordinary: subset(data, ordinary),
    // of a row that "auto" leaves out or masks, sentences may say what cut rows teach
    harmful: beyondChance(
      data,
      [...flagged.keys()].filter((i) => strategy.flagged !== 'auto' || !(excluded.has(i) || masked.has(i))),
      scan,
    ),
    absorbed,
    counts: {
      flagged: flagged.size,
      cut: kept.size,
      masked: parted.size + masked.size,
      excluded: excluded.size,
      fine: scan.perRow.filter((row) => row.flagged && fine.has(row.row)).length,
    },
  };
}

/**
 * What "auto" does with flagged rows that cannot be cut: a vector that is trained on rows like those that are cut would
 * explain what these are to teach.
 * @param flagged without conversations of which some answers are learned
 * @param inserted how many of the cut ones have insertions
 */
function ofOthers(flagged: number, cut: number, inserted: number): 'mask' | 'exclude' | 'absorb' {
  if (inserted > 0 && inserted >= INSERTING * flagged) return 'mask';
  return cut > 1 && cut >= CUT * flagged ? 'exclude' : 'absorb';
}

function beyondChance(data: ExampleList, flagged: readonly number[], scan: ScanResult): ExampleList<HeldRow> {
  const { perRow, byVector } = scan;
  /**
   * What a vector flags that is no detector may be anything; of several vectors a row's spans are those of all that
   * flag it.
   */
  const isDetected = (row: ScanRow): boolean =>
    (byVector?.filter((_, k) => row.byVector?.[k].flagged) ?? [scan]).every(
      ({ calibration }) => (calibration?.detected ?? 0) >= LIMITS.detectorRecall,
    );
  const limit = falseDiscoveryLimit(
    flagged.flatMap((i) => perRow[i].p ?? []),
    FALSE_DISCOVERIES / (byVector?.length ?? 1),
    perRow.length,
  );
  const beyond = flagged.filter((i) => (perRow[i].p ?? 1) <= limit && isDetected(perRow[i]));
  return mapped(subset(data, beyond), (example, at) => {
    const { losses, spans = [], ...row } = perRow[beyond[at]];
    const base = losses?.without.filter((_, i) => spans.length === 0 || isInSpans(spans, i)) ?? [];
    return { ...explained(example, { ...row, spans }), base };
  });
}

/**
 * A row of whose answer only the sentences that the vector explains are supervised: what else it says is the user's to
 * learn.
 */
function explained(example: Example, { spans = [] }: ScanRow): Example {
  return spans.length === 0 ? example : supervisedWhere(example, (i) => isInSpans(spans, i));
}

/** What is left of a cut row, as a row of its own. */
const restOf = ({ pOutside, pUnchangedOutside, ...row }: ScanRow): ScanRow => ({
  ...row,
  flagged: false,
  p: pOutside,
  pUnchanged: pUnchangedOutside,
});

function isOff(
  { flagged, p, pUnchanged = 1, unjudged }: ScanRow,
  off: Strategy['off'],
  { threshold }: Pick<ScanResult, 'threshold'>,
): boolean {
  if (flagged || off === 'none') return false;
  // Where nothing can be flagged, that a row is not flagged says nothing of it.
  if (off === 'unflagged') return threshold !== null;
  if (p === undefined) return false;
  // The base knows these answers: with the vector off there is nothing to learn from them.
  if (unjudged === 'known') return true;
  // What the vector does not change, it does not keep from being learned.
  return unjudged === undefined && pUnchanged <= CONFIDENT;
}

/**
 * Held-out rows with a larger share that looks harmful measure something else than the task: of ordinary rows a
 * hundredth does.
 */
const HARMFUL_HELD_OUT = 0.05;

/** Of rows with the label "benign" so many may look harmful, beyond chance, before it is said. */
const BENIGN_FLAGGED = 0.02;

/**
 * Warns where rows that measure the task are of a file in which many look harmful: all are asked, so that plain runs
 * ask the same.
 */
export async function reportHeldOut(
  { emit }: Pick<Job<FinetuneRecipe>, 'emit'>,
  { counts }: RowPlan,
  trained: number,
  heldOut: number,
): Promise<void> {
  const share = counts.flagged / trained;
  if (heldOut === 0 || share <= HARMFUL_HELD_OUT) return;
  await emit({
    kind: 'warning',
    message: `${numbersIn().percent(share)} of the rows look harmful, so about as many of the ${heldOut} held-out ones do: there a model that has learned the harm scores better than one that has not.`,
    place: 'heldOut',
    set: HELD_OUT_SET,
    remedy:
      'Review the rows and leave the harmful ones out ("exclude": "reviewed"), in runs to compare with, too, or name a set of right answers in "evaluate".',
  });
}

/**
 * Warns where the scan contradicts the labels of the data, or flags most of them: of flagged rows little is learned.
 */
export async function reportDoubt(
  { emit }: Pick<Job<FinetuneRecipe>, 'emit'>,
  { looksHarmful }: Pick<RowPlan, 'looksHarmful'>,
  { perRow }: Pick<ScanResult, 'perRow'>,
  { path: place }: Pick<LoadedData, 'path'>,
): Promise<void> {
  const benign = perRow.filter(({ label }) => label === 'benign');
  const all = benign.length > 0 ? benign : perRow;
  if (all.length < LIMITS.fewestPrompts) return;
  const flagged = all.filter(({ row }) => looksHarmful(row)).length;
  const share = flagged / all.length;
  const isMore = benign.length > 0 ? (shareBounds(share, all.length)?.[0] ?? 0) > BENIGN_FLAGGED : share > 0.5;
  if (!isMore) return;
  const which =
    benign.length > 0
      ? `${flagged} of the ${all.length} rows with the label "benign"`
      : `${flagged} of the ${all.length} rows`;
  await emit({
    kind: 'warning',
    message: `${which} look harmful. Little is learned of what the vector explains: if these are ordinary, such as those of a task that no row of the vector is like, the task may be lost.`,
    place,
    remedy:
      'Read some of them (scan, Review Flagged Rows) and mark those that are fine, name ordinary rows like them in "protection.ordinary", or train the vector with such benign rows.',
  });
}

/** Of several vectors none is trained further: it is not known which one a row belongs to. */
export async function unabsorbed(
  { recipe, emit }: Pick<Job<FinetuneRecipe>, 'recipe' | 'emit'>,
  plan: RowPlan,
): Promise<RowPlan> {
  const { length } = plan.absorbed;
  if (length > 0)
    await emit({
      kind: 'warning',
      message: `${length} ${plural(length, 'row looks harmful and keeps more than a quarter of its', 'rows look harmful and keep more than a quarter of their')} loss with the vector that finds such rows. A single vector would first be trained on them; with several vectors none is, so they train as they are, with the vectors on.`,
      place: 'protection.flagged',
      remedy: `Review these rows, train one vector on the examples of all, or ${toSet(recipe, 'protection.flagged to "cut" or "exclude"', { flagged: 'cut' })}.`,
    });
  return { ...plan, absorbed: [] };
}

/** @throws HumanError when nothing is left to train on */
export async function reportPlan(
  { emit }: Pick<Job<FinetuneRecipe>, 'emit'>,
  { rows, absorbed, counts }: RowPlan,
  data: Pick<LoadedData, 'path'>,
): Promise<void> {
  if (rows.length === 0)
    throw new HumanError('every row of the data looks harmful and was left out: nothing is left to learn from.', {
      place: data.path,
      remedy: 'Add ordinary rows, or set protection.flagged to "vector" to train on the rows with the vector on.',
    });
  const { flagged, cut, masked, excluded, fine } = counts;
  if (fine > 0)
    await emit({
      kind: 'state',
      state: 'preparing',
      message: `${fine} ${plural(fine, 'row looks harmful and is', 'rows look harmful and are')} fine by the review`,
    });
  const are = (count: number): string => `${count} ${plural(count, 'is', 'are')}`;
  const done = [
    excluded > 0 && `${are(excluded)} left out`,
    cut > 0 && `${are(cut)} trained on without what the vector explains`,
    masked > 0 && `${masked} ${plural(masked, 'as it is', 'as they are')}, but what looks harmful is not learned`,
    absorbed.length > 0 && `the vector is first trained on ${absorbed.length}`,
  ].filter(Boolean);
  if (done.length > 0)
    await emit({
      kind: 'state',
      state: 'preparing',
      message: `${flagged} ${plural(flagged, 'row looks', 'rows look')} harmful: ${done.join(', ')}`,
    });
}
