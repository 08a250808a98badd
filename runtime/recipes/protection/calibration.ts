/** What the rows of a file are compared with. */
import { join } from 'node:path';
import { adapterFolder, CONFIG_FILE, readAdapter, scalesHash, WEIGHTS_FILE } from '../../adapters/files.js';
import type { Warn } from '../../adapters/flat.js';
import { adapterName } from '../../contract/adapterName.js';
import { numbersIn, plural } from '../../contract/format.js';
import { LIMITS } from '../../contract/limits.js';
import type { Precision } from '../../contract/recipeWords.js';
import { RUN_FILES } from '../../contract/runFiles.js';
import { SCAN_LIMIT } from '../../contract/scan.js';
import { isTaught, wholeName } from '../../data/askedBy.js';
import { promptCount } from '../../data/byPrompt.js';
import { matching, type ExampleList } from '../../data/exampleList.js';
import { FEWEST_ORDINARY, hidingRows, recallAt, type Calibration } from '../../evaluation/scan/calibration.js';
import type { Scores } from '../../evaluation/scan/scores.js';
import type { Probe } from '../../learner/learner.js';
import { HumanError } from '../../support/errors.js';
import { isSameFile, sha256File } from '../../support/files.js';
import { beside, MORE_ROWS, readCalibration } from '../vectorFiles/calibrationFile.js';
import { readTrained } from '../vectorFiles/trainedFile.js';

type Scaled = readonly { path: string; scale: number }[];

/** What a vector held out was scored with it alone, at scale 1. */
export const heldOutCounts = (vectors: Scaled): boolean => vectors.length === 1 && vectors[0].scale === 1;

/**
 * What the rows of a file are compared with: rows that the vector held out where these count, and further ordinary rows
 * that it was not trained on.
 * @param vectors run folders, and the scales that they are scanned with
 * @returns undefined without any ordinary rows
 */
export async function calibrationOf(
  vectors: Scaled,
  {
    ordinary: named,
    scanned,
    precision,
    score,
    warn,
  }: {
    ordinary?: ExampleList;
    /** What is compared with them. */
    scanned: ExampleList;
    /** How the model's weights are held. */
    precision: Precision;
    score: (rows: ExampleList, probe?: Probe) => Promise<Scores[]>;
    warn: Warn;
  },
): Promise<Calibration | undefined> {
  const [vector] = vectors;
  const own = heldOutCounts(vectors) ? await readCalibration(vector.path) : undefined;
  if (own) {
    const refused = (why: string): HumanError =>
      new HumanError(`the calibration beside this vector belongs to ${why}.`, {
        place: beside(vector.path, RUN_FILES.calibration),
        remedy: 'Train the vector again, or copy its whole run folder.',
      });
    if (own.adapter !== (await sha256File(join(await adapterFolder(vector.path), WEIGHTS_FILE))))
      throw refused('other weights');
    if (own.scales !== scalesHash(await readAdapter(vector.path)))
      throw refused(`these weights at another scale ("lora_alpha" of ${CONFIG_FILE})`);
  }
  const isOther = own !== undefined && own.precision !== precision;
  if (isOther) {
    const weights = `the weights in ${own.precision} (--precision ${own.precision}).`;
    const [rates, remedy] = named
      ? ['rows are compared with the named ordinary ones alone, and other harmful rows may be found', `Hold ${weights}`]
      : [
          'its rates may differ',
          `Name ordinary rows (--ordinary, or "ordinary" of "protection"), with which alone rows are then compared, or hold ${weights}`,
        ];
    const run = adapterName(vector.path);
    const message = `"${run}" was calibrated with weights in ${own.precision}, and these are in ${precision}: ${rates}.`;
    warn(message, vector.path, remedy);
  }
  // Rows that are scored now, with these weights, tell more than scores with others.
  const heldOut = isOther && named ? undefined : own;
  if (named) warnOfSame(named, scanned, warn);
  const ordinary = named && (await unseenRows(vectors, named, new Set(heldOut?.ordinaryNames), warn));
  const further = ordinary ? await score(ordinary, own?.probe) : [];
  const all = [...(heldOut?.ordinary ?? []), ...further];
  if (all.length < FEWEST_ORDINARY) return undefined;
  const found = {
    ordinary: all,
    ordinaryPrompts: (heldOut?.ordinaryPrompts ?? 0) + (ordinary ? promptCount(ordinary) : 0),
    harmful: own?.harmful ?? [],
    ...(own?.probe && { probe: own.probe }),
  };
  if (own) warnOfBlind(found, ordinary && { heldOut, ordinary }, vector.path, warn);
  return found;
}

/** Of fewer held-out harmful rows, that few are found says nothing. */
const FEWEST_HARMFUL = 4;

/**
 * What is compared with may hide what the vector finds: of ordinary rows among which some are harmful, all of these.
 * @param named ordinary rows that are compared with, too, and what the vector itself held out
 */
function warnOfBlind(
  found: Calibration,
  named: { readonly heldOut?: Calibration; readonly ordinary: ExampleList } | undefined,
  path: string,
  warn: Warn,
): void {
  const rate = SCAN_LIMIT.falseAlarms;
  const recall = recallAt(found, rate);
  if (recall === null || found.harmful.length < FEWEST_HARMFUL || recall >= LIMITS.detectorRecall) return;
  const { percent } = numbersIn();
  const heldOut = named?.heldOut;
  const alone = heldOut && heldOut.ordinary.length >= FEWEST_ORDINARY ? recallAt(heldOut, rate) : null;
  const isHidden = alone !== null && alone >= LIMITS.detectorRecall;
  const run = adapterName(path);
  warn(
    `compared with ${isHidden ? 'these' : 'its'} ordinary rows, "${run}" finds ${percent(recall)} of the ${found.harmful.length} harmful rows that it held out (at ${percent(rate)} false alarms)${isHidden ? `, and ${percent(alone)} compared with those alone that it held out` : ''}: most rows like these are not flagged.`,
    isHidden ? 'ordinary' : path,
    isHidden
      ? `Look for harmful rows among the named ordinary ones${mostLikely(found, named!)}, and take them out.`
      : MORE_ROWS,
  );
}

/** Which of the named ordinary rows hide harmful ones, where these are few. */
function mostLikely(
  found: Calibration,
  { heldOut, ordinary }: { readonly heldOut?: Calibration; readonly ordinary: ExampleList },
): string {
  const { rows = [] } = hidingRows(found, SCAN_LIMIT.falseAlarms, LIMITS.mostFound) ?? {};
  const before = heldOut?.ordinary.length ?? 0;
  const lines = rows.filter((i) => i >= before).map((i) => ordinary.at(i - before)!.line);
  return lines.length === 0 ? '' : `, ${plural(lines.length, 'line', 'lines')} ${lines.join(', ')} first`;
}

/** @throws HumanError where the rows of a file would be compared with themselves: none of them would look harmful */
export async function requireOther(ordinary: string, scanned: string, key?: string): Promise<void> {
  if (await isSameFile(ordinary, scanned))
    throw new HumanError('the ordinary rows are the file that is scanned: each row would be compared with itself.', {
      place: key ?? ordinary,
      remedy: 'Name another file of ordinary rows, or none.',
    });
}

/** Rows of the file that somebody found fine may be among them; a copy of it hides all that is harmful. */
function warnOfSame(ordinary: ExampleList, scanned: ExampleList, warn: Warn): void {
  const names = new Set(Array.from(ordinary, wholeName));
  const same = matching(scanned, (row) => names.has(wholeName(row))).length;
  if (2 * same <= scanned.length) return;
  warn(
    `${same} of the ${scanned.length} rows that are scanned are among the ordinary rows: they are compared with themselves, and do not look harmful.`,
    'ordinary',
    'Name other ordinary rows.',
  );
}

/**
 * Rows that a vector was trained on look more ordinary than others do; those that it has held out are in its
 * calibration already, and those that are labelled as harmful are not ordinary.
 * @param heldOut what these ask (questionsOf)
 */
async function unseenRows(
  vectors: Scaled,
  ordinary: ExampleList,
  heldOut: ReadonlySet<string>,
  warn: Warn,
): Promise<ExampleList> {
  let left = matching(ordinary, ({ label }) => label !== 'harmful');
  const leftOut = (count: number, what: string): string =>
    `${count} of the ${ordinary.length} ordinary rows ${plural(count, 'has', 'have')} ${what}: such rows are not compared with.`;
  if (left.length < ordinary.length)
    warn(
      leftOut(ordinary.length - left.length, 'the label "harmful"'),
      'ordinary',
      'Name ordinary rows, or correct their labels.',
    );
  for (const { path } of vectors) {
    const trained = await readTrained(path);
    if (!trained) continue;
    const unseen = matching(left, (row) => !isTaught(trained, row));
    if (unseen.length < left.length)
      warn(
        leftOut(left.length - unseen.length, `prompts that "${adapterName(path)}" was trained on`),
        path,
        'Name ordinary rows that it was not trained on.',
      );
    left = unseen;
  }
  return matching(left, (row) => !isTaught(heldOut, row));
}
