import { basename } from 'node:path';
import { numbersIn } from '../../contract/format.js';
import { LIMITS } from '../../contract/limits.js';
import { isBlind, isDoubtful, trialOf } from '../../contract/verdict.js';
import type { Probes, VectorQuality } from '../../contract/events.js';
import type { VectorRecipe } from '../../contract/recipe.js';
import { SCAN_LIMIT } from '../../contract/scan.js';
import { isRecallExtrapolated } from '../../contract/scanText.js';
import { askedIn } from '../../data/askedBy.js';
import { promptCount, variedPlaces, variedRows } from '../../data/byPrompt.js';
import { subset, type ExampleList } from '../../data/exampleList.js';
import type { Feeds } from '../../device/session.js';
import { comparisonsOf, lossesOf, statesOf } from '../../evaluation/inference/losses.js';
import {
  FEWEST_ORDINARY,
  hidingRows,
  recallAt,
  separation,
  type HeldOutCalibration,
} from '../../evaluation/scan/calibration.js';
import { fitProbe, PROBE_FITTED } from '../../evaluation/scan/probe.js';
import { scoresOf, scoresOfRow, type Scores } from '../../evaluation/scan/scores.js';
import type { Learner, Probe, RowLoss } from '../../learner/learner.js';
import { meanPerToken } from '../../learner/rows.js';
import type { Job } from '../training/job.js';
import { MORE_ROWS } from '../vectorFiles/calibrationFile.js';
import { TRIAL_STEPS } from './trial.js';

export interface Measured {
  readonly probes: Pick<Probes, 'heldOutLossWith' | 'heldOutLossWithout' | 'heldOutAuroc'>;
  readonly quality: VectorQuality;
  /** Undefined where too few ordinary rows are held out. */
  readonly calibration?: HeldOutCalibration;
}

interface Rows {
  readonly harmful: ExampleList;
  readonly ordinary: ExampleList;
}

/**
 * What a vector does with rows that it is not trained on, while it is trained: of at most so many rows of each kind.
 * Not stopped in between: a run that is stopped saves a checkpoint first.
 * @param scales the vector off and on
 */
export function heldOutMeasure(
  learner: Pick<Learner, 'losses'>,
  rows: Rows,
  scales: { off: Record<string, number>; on: Record<string, number> },
): (parameters: Feeds, most: number) => Promise<Measured> {
  /** Without the vector: the same whatever it has learned. */
  const without = new Map<ExampleList, RowLoss[]>();

  async function scored(list: ExampleList, parameters: Feeds, most: number): Promise<Scored> {
    const off = without.get(list) ?? (await lossesOf(learner, parameters, list, scales.off));
    without.set(list, off);
    const places = variedPlaces(list, most);
    const measured = subset(list, places);
    const on = await lossesOf(learner, parameters, measured, scales.on);
    const same = places.map((place) => off[place]);
    const scores = on.map((row, i) => scoresOf({ without: same[i].perToken, with: row.perToken }));
    return { rows: measured, off: same, on, scores };
  }

  return async (parameters, most) =>
    measuredOf(await scored(rows.harmful, parameters, most), await scored(rows.ordinary, parameters, most));
}

/** The same of all rows, with all that a scan compares with. */
export async function heldOutQuality(
  learner: Pick<Learner, 'compare'>,
  rows: Rows,
  on: Record<string, number>,
  parameters: Feeds,
  probe?: Probe,
): Promise<Measured> {
  const scored = async (list: ExampleList): Promise<Scored> => {
    const compared = await comparisonsOf(learner, parameters, list, on, { probe });
    return {
      rows: list,
      off: compared.map(({ without }) => without),
      on: compared.map((row) => row.with),
      scores: compared.map(scoresOfRow),
    };
  };
  return measuredOf(await scored(rows.harmful), await scored(rows.ordinary), probe);
}

/** With fewer rows of a kind a probe would say what these happen to have in common. */
const FEWEST_PROBED = 8;

/** A probe of rows that the vector was trained on; undefined of too few, and where nothing could be compared with it. */
export async function probeOf(
  learner: Pick<Learner, 'states' | 'endComparison'>,
  trained: Rows,
  held: Pick<Rows, 'ordinary'>,
): Promise<Probe | undefined> {
  if (held.ordinary.length < FEWEST_ORDINARY) return undefined;
  if (Math.min(trained.harmful.length, trained.ordinary.length) < FEWEST_PROBED) return undefined;
  const states = (rows: ExampleList): Promise<Float32Array[]> => statesOf(learner, variedRows(rows, PROBE_FITTED));
  const read = { harmful: await states(trained.harmful), ordinary: await states(trained.ordinary) };
  await learner.endComparison();
  return fitProbe(read);
}

/** Rows of one kind, with their losses without the vector and with it. */
interface Scored {
  readonly rows: ExampleList;
  readonly off: RowLoss[];
  readonly on: RowLoss[];
  readonly scores: Scores[];
}

function measuredOf(harmful: Scored, ordinary: Scored, probe?: Probe): Measured {
  const prompts = { harmful: promptCount(harmful.rows), ordinary: promptCount(ordinary.rows) };
  const calibration =
    ordinary.on.length < FEWEST_ORDINARY
      ? undefined
      : {
          harmful: harmful.scores,
          ordinary: ordinary.scores,
          ordinaryPrompts: prompts.ordinary,
          ordinaryNames: [...askedIn(ordinary.rows)],
          ...(probe && { probe }),
        };
  const area = calibration && separation(calibration, prompts);
  const [lossWith, lossWithout] =
    harmful.on.length === 0 ? [undefined, undefined] : [meanPerToken(harmful.on), meanPerToken(harmful.off)];
  return {
    probes: { heldOutLossWith: lossWith, heldOutLossWithout: lossWithout, heldOutAuroc: area?.auroc },
    calibration,
    quality: {
      harmful: harmful.on.length,
      ordinary: ordinary.on.length,
      harmfulPrompts: prompts.harmful,
      ordinaryPrompts: prompts.ordinary,
      ...(area && {
        auroc: area.auroc,
        aurocInterval: [area.low, area.high],
        recall: recallAt(calibration, SCAN_LIMIT.falseAlarms) ?? undefined,
      }),
      lossWith,
      lossWithout,
    },
  };
}

/** Warns of what a vector cannot be relied on for. */
export async function reportQuality({ emit }: Pick<Job<VectorRecipe>, 'emit'>, quality: VectorQuality): Promise<void> {
  const { number, percent, bound } = numbersIn();
  const { auroc } = quality;
  const blind = isBlind(quality);
  if (auroc === undefined)
    await emit({
      kind: 'warning',
      message: `nothing can be said of what the vector finds: ${quality.harmful} harmful and ${quality.ordinary} ordinary rows were held out of its training.`,
      place: 'heldOut',
      remedy: 'Give more rows of both kinds ("harmful", "benign"), with different prompts, and keep heldOut above 0.',
    });
  else if (blind)
    await emit({
      kind: 'warning',
      message: `the vector does not find unseen harmful rows well (AUROC ${number(auroc)}; at ${percent(SCAN_LIMIT.falseAlarms)} false alarms${isRecallExtrapolated(quality) ? `, extrapolated from ${quality.ordinary} ordinary rows of ${quality.ordinaryPrompts ?? quality.ordinary} prompts,` : ''} it finds ${percent(quality.recall ?? 0)}).`,
      place: 'vector',
      remedy: MORE_ROWS,
    });
  const { trial = 0, trialInterval: [low, high] = [0, 0], trialMeasured = 0 } = quality;
  const leaks = trialOf(quality) === 'leaks';
  if (leaks || isDoubtful(quality))
    await emit({
      kind: 'warning',
      message: `${leaks ? 'the vector does not protect on its own' : 'it cannot be told whether the vector protects on its own'}: after ${TRIAL_STEPS} steps of fine-tuning with it on harmful rows that it was not trained on, ${trialMeasured} further ones have ${percent(trial)} of their loss in the base (95 % interval: ${bound(low, 'low')} to ${bound(high, 'high')}).`,
      place: 'vector',
      // First it is to find harmful rows, and that may take fewer steps.
      remedy: blind ? undefined : 'Train it for longer, or use "protection": true in fine-tunings, which adds to it.',
    });
}

/** Of fewer ordinary rows a few are too many to do without. */
const FEWEST_COMPARED = 16;
/** That so many more of the held-out harmful rows would be found is worth reading a few rows for. */
const HIDDEN = 0.1;

/** Warns of held-out ordinary rows that look so harmful that harmful ones are not told from them. */
export async function reportHiding(
  { emit }: Pick<Job<VectorRecipe>, 'emit'>,
  { path, held }: { readonly path: string; readonly held: ExampleList },
  calibration: HeldOutCalibration | undefined,
): Promise<void> {
  if (!calibration || held.length < FEWEST_COMPARED) return;
  const rate = SCAN_LIMIT.falseAlarms;
  const hiding = hidingRows(calibration, rate, LIMITS.mostFound);
  if (!hiding || hiding.without < hiding.beside + HIDDEN) return;
  const { percent } = numbersIn();
  const file = basename(path);
  const lines = hiding.rows.map((i) => held.at(i)!.line);
  const [which, them] =
    lines.length === 1
      ? [`line ${lines[0]} of ${file} hides`, 'it']
      : [`lines ${lines.join(', ')} of ${file} hide`, 'them'];
  await emit({
    kind: 'warning',
    message: `${which} harmful rows: compared with all ${held.length} ordinary rows that were held out, ${percent(hiding.beside)} of the ${calibration.harmful.length} harmful ones are found (at ${percent(rate)} false alarms), and without ${them} ${percent(hiding.without)}.`,
    place: `${path}:${lines[0]}`,
    remedy: `Read ${them}. Take what is harmful out of "benign"; of what is not, add more ordinary rows like it.`,
  });
}
