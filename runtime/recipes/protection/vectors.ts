import { existsSync } from 'node:fs';
import { adapterFlat, type FlatAdapter } from '../../adapters/flat.js';
import type { LoadedData } from '../../context/context.js';
import type { ExampleList } from '../../data/exampleList.js';
import { adapterName } from '../../contract/adapterName.js';
import { numbersIn, plural } from '../../contract/format.js';
import { LIMITS } from '../../contract/limits.js';
import { RUN_FILES } from '../../contract/runFiles.js';
import { HumanError } from '../../support/errors.js';
import { rateThatFinds, type Calibration } from '../../evaluation/scan/calibration.js';
import { scanOfSeveral, limitOfEach } from '../../evaluation/scan/several.js';
import { alarmsOf, scoresOfRows } from '../../evaluation/scan/scan.js';
import { readScan, writeScan } from '../../evaluation/scan/scanFile.js';
import { calibrationOf, heldOutCounts } from './calibration.js';
import { sha256File } from '../../support/files.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import { SCAN_LIMIT, type ScanResult } from '../../contract/scan.js';
import { doubtTexts } from '../../contract/scanText.js';
import { sum } from '../../contract/sum.js';
import { questionsOf } from '../../data/askedBy.js';
import { watchAction } from './harmfulLoss.js';
import { requireFinished } from '../vectorFiles/finishedVector.js';
import { loadReporter, type Job } from '../training/job.js';
import { digestOf } from '../training/dependencies.js';
import { BEST_PARTS, isPaper, strategyOf, toSet, type Strategy } from './strategy.js';
import { scanWithInsertions } from './insertions.js';
import type { Scanner } from '../training/lossesThere.js';
import type { Feeds } from '../../device/session.js';

/** A security vector that is active and frozen while fine-tuning. `name` is its own in the graph. */
export interface ActiveVector extends FlatAdapter {
  readonly name: string;
  readonly path: string;
  readonly scale: number;
}

/** @throws HumanError when a vector does not fit, or is not finished */
export async function readVectors(job: Job<FinetuneRecipe>): Promise<ActiveVector[]> {
  const { recipe, context } = job;
  const vectors: ActiveVector[] = [];
  for (const [i, { adapter, scale }] of recipe.vectors.entries()) {
    const path = job.path(adapter);
    const flat = await adapterFlat(path, context, loadReporter(job).warn);
    await requireFinished(path);
    if (flat.file.role !== 'security')
      await job.emit({
        kind: 'warning',
        message: `the adapter ${adapterName(path)} is not marked as a security vector.`,
        place: flat.file.path,
        remedy: 'Train it with a "vector" recipe, or check the path.',
      });
    vectors.push({ ...flat, name: `vector${i}`, path, scale });
  }
  const strategy = strategyOf(recipe);
  if (recipe.protection !== false && isPaper(strategy))
    await job.emit({
      kind: 'warning',
      message: `"protection" protects no more than the paper's vector${watchAction(recipe) === 'continue' ? '' : ': only its watch is on'}. Rows are not routed, there is no anchor, and rows that look harmful are trained on as they are.`,
      place: 'protection',
      remedy: `Write ${BEST_PARTS} into it: these are the parts of true.`,
    });
  return vectors;
}

/**
 * The data as the vectors see it before anything is trained. A resumed run reuses the scan of its start: the model may
 * have learned since.
 * @param artifacts gets the hash of the file kept for this
 */
export async function scanData(
  job: Job<FinetuneRecipe>,
  scanner: () => Scanner | Promise<Scanner>,
  parameters: Feeds,
  {
    data,
    vectors,
    strategy,
    ordinary,
  }: { data: LoadedData; vectors: readonly ActiveVector[]; strategy: Strategy; ordinary?: ExampleList },
  off: Record<string, number>,
  artifacts: Record<string, string>,
): Promise<ScanResult> {
  const { folder } = job;
  const file = folder.file(RUN_FILES.scan);
  const kept = artifacts[RUN_FILES.scan];
  let scan = kept === undefined ? undefined : await keptScan(file, kept);
  if (!scan) {
    const rows = { data, strategy, ordinary };
    scan = await job.once(scanKey(job, strategy), async () =>
      scanWith(job, await scanner(), parameters, vectors, rows, off),
    );
    await writeScan(file, scan);
    artifacts[RUN_FILES.scan] = await sha256File(file);
  }
  const ordinaryRows = toSet(job.recipe, 'protection.ordinary', { ordinary: { file: 'FILE' } });
  const blind = blindOf(scan, vectors);
  if (blind.length > 0 && (strategy.flagged !== 'vector' || strategy.off !== 'none'))
    await job.emit({
      kind: 'warning',
      message: blindText(blind, vectors.length),
      place: 'vectors',
      remedy: blind.every((vector) => heldOutCounts([vector]))
        ? `Train the vector with benign rows of 16 prompts or more, of which some are held out, or name ordinary rows: ${ordinaryRows}.`
        : `Name ordinary rows: ${ordinaryRows}.`,
    });
  const [alarms, usual] = [alarmsOf(scan.limit), SCAN_LIMIT.falseAlarms].map(numbersIn().percent);
  if (!strategy.limit && alarms !== usual)
    await job.emit({
      kind: 'state',
      state: 'preparing',
      message: `up to ${alarms} of ordinary rows may be flagged: at ${usual} more of what is harmful would be missed`,
    });
  for (const message of doubtTexts(scan))
    await job.emit({
      kind: 'warning',
      message: `${message}.`,
      place: 'vectors',
      remedy: `Name ordinary rows of more prompts (${ordinaryRows}), or train the vector with harmful rows of which some are held out.`,
    });
  const missed = strategy.flagged === 'vector' && strategy.off === 'none' ? [] : missedTexts(scan);
  for (const message of missed)
    await job.emit({
      kind: 'warning',
      message,
      place: 'vectors',
      remedy: `Name ordinary rows of more prompts (${ordinaryRows}), or train the vector on more, and more varied, rows of both kinds.`,
    });
  const little = littleToLearn(scan, strategy, job.recipe);
  if (little) await job.emit({ kind: 'warning', ...little, place: data.path });
  return scan;
}

/** What to say of each vector that lets many harmful rows pass: these have no more than the paper's protection. */
export function missedTexts({ calibration, byVector }: Pick<ScanResult, 'calibration' | 'byVector'>): string[] {
  return (byVector ?? [{ calibration }]).flatMap(({ calibration: compared }) => {
    const { recall = null, harmful = 0 } = compared ?? {};
    if (recall === null || recall >= LIMITS.mostFound) return [];
    return `of ${harmful} harmful rows that the vector has not seen, the scan would find ${numbersIn().percent(recall)}: rows that it misses train with the vector on, as in the paper, and may be learned in part.`;
  });
}

/** What to say of a file of which nearly all rows look harmful; undefined of others. */
export function littleToLearn(
  { flagged, rows }: Pick<ScanResult, 'flagged' | 'rows'>,
  { anchor }: Pick<Strategy, 'anchor'>,
  recipe: Parameters<typeof toSet>[0],
): { message: string; remedy: string } | undefined {
  if (flagged <= 0.9 * rows) return undefined;
  const isBare = anchor !== false && anchor.benign === 0;
  const degrades = isBare ? ', and an anchor of refusals alone degrades ordinary answers' : '';
  // such rows are drawn from those of the data that do not look harmful
  const benign =
    isBare && flagged < rows ? `, or ${toSet(recipe, 'protection.anchor.benign', { anchor: { benign: 2 } })}` : '';
  return {
    message: `${flagged} of ${rows} rows ${plural(flagged, 'looks', 'look')} harmful: there is little to learn from this file${degrades}.`,
    remedy: `Look at the rows; add ordinary ones${benign}.`,
  };
}

/** Factors with one vector on alone. */
export const aloneOn = (off: Record<string, number>, { name, scale }: Pick<ActiveVector, 'name' | 'scale'>) => ({
  ...off,
  [name]: scale,
});

/** One scan, or one for each of several vectors with it on alone. */
async function scanWith(
  job: Job<FinetuneRecipe>,
  learner: Scanner,
  parameters: Feeds,
  vectors: readonly ActiveVector[],
  { data, strategy, ordinary }: { data: LoadedData; strategy: Strategy; ordinary?: ExampleList },
  off: Record<string, number>,
): Promise<ScanResult> {
  const { signal, progress, context } = job;
  const scans: ScanResult[] = [];
  const calibrations: (Calibration | undefined)[] = [];
  for (const vector of vectors) {
    const scales = { on: aloneOn(off, vector) };
    const hooks = {
      signal,
      onProgress: (share: number) =>
        progress(`scanning the data with ${adapterName(vector.path)}`, (scans.length + share) / vectors.length),
    };
    const calibration = await calibrationOf([vector], {
      ordinary,
      scanned: data.examples,
      precision: job.recipe.precision,
      score: (rows, probe) => scoresOfRows(learner, parameters, rows, { ...scales, probe }, { signal }),
      warn: loadReporter(job).warn,
    });
    calibrations.push(calibration);
    const limit = strategy.limit ? limitOfEach(strategy.limit, vectors.length) : limitBy(calibration, vectors.length);
    const options = { ...scales, calibration, limit, tokenizer: context.tokenizer };
    const work = `insertions${scans.length + 1}`;
    scans.push(await scanWithInsertions(learner, parameters, data.examples, options, { ...hooks, progress, work }));
  }
  const names = vectors.map(({ path }) => adapterName(path));
  if (scans.length === 1) return scans[0];
  const asks = Array.from(data.examples, (row) => questionsOf(row)[0]);
  const limit = strategy.limit ?? { falseAlarms: sum(scans.map((scan) => alarmsOf(scan.limit))) };
  return scanOfSeveral(scans, names, calibrations, limit, asks);
}

/**
 * As many false alarms are taken at most, where fewer would miss much of what is harmful. Such rates are bounds: a few
 * ordinary rows that differ much say no more, and of four scores the least p-value counts four times.
 */
const MOST_FALSE_ALARMS = 0.2;

/**
 * A harmful row that is missed costs more than an ordinary one that is flagged: compared with few ordinary rows, more
 * of these are taken for it.
 * @param of how many vectors it is one
 */
export function limitBy(calibration: Calibration | undefined, of: number): { falseAlarms: number } {
  const [usual, most] = [SCAN_LIMIT.falseAlarms / of, MOST_FALSE_ALARMS / of];
  return { falseAlarms: calibration ? rateThatFinds(calibration, LIMITS.mostFound, [usual, most]) : usual };
}

/** Everything that a scan before training depends on. */
const SCANNED =
  /^(arithmetic|model |data\.|vectors\.|protection\.|baseline\.|recipe (data|heldOut|vectors|protection\.ordinary|baseline|method|precision|batch\.maxTokens|on)\b)/;
export const scanKey = (
  { dependencies, machine, recipe }: Pick<Job<FinetuneRecipe>, 'dependencies' | 'machine' | 'recipe'>,
  { limit }: Strategy,
): unknown[] => ['scan', digestOf(dependencies, SCANNED), machine, limit, recipe.heldOut === 0 || recipe.seed];

/** Vectors that have nothing to compare rows with. */
export const blindOf = <T>({ byVector, threshold }: Omit<ScanResult, 'perRow'>, vectors: readonly T[]): T[] =>
  vectors.filter((_, k) => (byVector ? byVector[k].threshold : threshold) === null);

/** @param of how many vectors there are */
export function blindText(blind: readonly Pick<ActiveVector, 'path' | 'scale'>[], of: number): string {
  const isPart = blind.length < of;
  const by = isPart ? ` by ${blind.map(({ path }) => `"${adapterName(path)}"`).join(', ')}` : '';
  const others = isPart ? '; what the others flag is treated as the recipe says' : '';
  return `no row can be flagged${by}: ${nothingToCompare(blind)}. The scan switches the vector${of > 1 ? 's' : ''} off for no row${others}.`;
}

const nothingToCompare = (vectors: readonly Pick<ActiveVector, 'path' | 'scale'>[]): string =>
  vectors.every((vector) => heldOutCounts([vector]))
    ? 'there are no ordinary rows to compare with'
    : 'the rows that a vector held out can be compared with only if it has scale 1';

async function keptScan(file: string, sha256: string): Promise<ScanResult> {
  const there = existsSync(file);
  if (!there || (await sha256File(file)) !== sha256)
    throw new HumanError(
      there
        ? 'the scan changed since the run started with it.'
        : 'the run cannot resume without the scan that it started with.',
      { place: file, remedy: 'Put the file back as it was, or start the run over.', code: 'restart' },
    );
  return readScan(file);
}
