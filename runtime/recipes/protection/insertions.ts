/**
 * Harmful insertions in ordinary answers: found by token, and told from wrong content by what the base says of the
 * rest.
 */
import type { ScanResult, ScanRow } from '../../contract/scan.js';
import { sum } from '../../contract/sum.js';
import { mapped, subset, type ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import { unchangedPValue, unlikeHarmfulBelow, type Calibration } from '../../evaluation/scan/calibration.js';
import type { Feeds } from '../../device/session.js';
import { comparisonsOf, type LossHooks } from '../../evaluation/inference/losses.js';
import { alarmsOf, judgedBy, looksHarmful, scanExamples, type ScanOptions } from '../../evaluation/scan/scan.js';
import { scoresOf, tokenLosses } from '../../evaluation/scan/scores.js';
import { insertedSpans, isInSpans } from '../../evaluation/scan/spans.js';
import type { Comparison } from '../../learner/learner.js';
import type { Tokenizer } from '../../models/text/tokenizer.js';
import { cutRow, tokenTexts } from './cut.js';
import type { Scanner } from '../training/lossesThere.js';

/**
 * The scan of some rows, with what was put into them.
 * @param progress hears of a second reading, that of what insertions leave
 * @param work names that reading where it is computed elsewhere
 */
export async function scanWithInsertions(
  learner: Scanner,
  parameters: Feeds,
  examples: ExampleList,
  { tokenizer, ...options }: Omit<ScanOptions, 'texts'> & { tokenizer: Tokenizer },
  { progress, work = '', ...hooks }: LossHooks & { progress: (message: string, share: number) => void; work?: string },
): Promise<ScanResult> {
  const texts = tokenTexts(tokenizer);
  const scan = await scanExamples(learner, parameters, examples, { ...options, texts }, hooks);
  return withInsertions(scan, examples, options.calibration, tokenizer, async (rests) => {
    await learner.ask?.(work, rests);
    const onProgress = (share: number): void => progress('reading flagged rows without what was put in', share);
    return comparisonsOf(learner, parameters, rests, options.on, { ...hooks, onProgress });
  });
}

/**
 * A scan in which rows with harmful insertions say so. Sentences can be cut out of an answer that begins as an ordinary
 * one. Of the other flagged rows what the vector explains is taken out by token, and the rest is read as a row of its
 * own, without the vector and with it. It was an insertion where the base gives the rest at least the probability that
 * it has beside what was taken out, and the rest is not flagged: what carries an answer's content is missed by what
 * follows it. Of several readings of what was inserted, the one counts whose rest gains most.
 * @param compare what the vector changes of these rows
 */
export async function withInsertions(
  scan: ScanResult,
  examples: ExampleList,
  calibration: Calibration | undefined,
  tokenizer: Tokenizer,
  compare: (rests: ExampleList) => Promise<Comparison[]>,
): Promise<ScanResult> {
  const { threshold, limit } = scan;
  if (!calibration || threshold === null || 'share' in limit) return scan;
  const found = scan.perRow.flatMap((row, at) =>
    row.flagged ? readings(row, examples.at(at)!, tokenizer).map((one) => ({ ...one, at })) : [],
  );
  if (found.length === 0) return scan;
  const judged = judgedBy(calibration);
  const below = unlikeHarmfulBelow(calibration);
  const pUnchanged = unchangedPValue(calibration);
  const best = new Map<number, { gain: number; row: ScanRow }>();
  // the tokens of a large file are not kept
  const rows = subset(
    examples,
    found.map(({ at }) => at),
  );
  const compared = await compare(mapped(rows, (example, i) => restOf(example, found[i].spans, tokenizer)!));
  found.forEach(({ at, spans, beside }, i) => {
    const gain = beside - sum(compared[i].without.perToken);
    if (gain < (best.get(at)?.gain ?? 0)) return;
    const scores = scoresOf(tokenLosses(compared[i]));
    const rest = judged(scores);
    if (looksHarmful(rest, alarmsOf(limit), below)) return;
    const outside = {
      pOutside: rest.p,
      pUnchangedOutside: scores.kl !== undefined ? pUnchanged?.(scores.kl) : undefined,
    };
    best.set(at, { gain, row: { ...scan.perRow[at], spans, ...outside, inserted: true } });
  });
  return { ...scan, perRow: scan.perRow.map((row, at) => best.get(at)?.row ?? row) };
}

type Spans = Required<ScanRow>['spans'];

const restOf = (example: Example, spans: Spans, tokenizer: Tokenizer): Example | undefined =>
  cutRow(example, { spans, inserted: true }, tokenizer);

/** What may have been inserted into a row, and the base's loss of what it leaves beside it (nats). */
function readings(row: ScanRow, example: Example, tokenizer: Tokenizer): { spans: Spans; beside: number }[] {
  const { losses } = row;
  if (!losses || cutRow(example, row, tokenizer)) return [];
  const all = insertedSpans(losses, tokenTexts(tokenizer)(example));
  const different = new Map(all.map((spans) => [spans.join(), spans]));
  return [...different.values()].flatMap((spans) => {
    if (!restOf(example, spans, tokenizer)) return [];
    return { spans, beside: sum(losses.without.filter((_, i) => !isInSpans(spans, i))) };
  });
}
