/** The verdict as one sentence: English here, translated by the host for the window and its pages. */
import { fill, numbersIn } from './format.js';
import type { InvariantName } from './invariants.js';
import { counted, shareBounds } from './intervals.js';
import { LIMITS } from './limits.js';
import { comparedWithBase, COMPLIANCE_JUDGE, fewest, REFUSAL_JUDGE, wholeLoss, type Compared } from './measures.js';
import { countsOf, countsText, type VerdictWording } from './countsText.js';
import { harmfulRowsText } from './probeRows.js';
import { isProven } from './rises.js';
import { fromOrdinary, isRecallExtrapolated, mayFindMore } from './scanText.js';
import { VERDICT_SENTENCES, type VerdictSentences } from './verdictSentences.js';
import type { HarmfulLoss, Measurement, VectorQuality } from './events.js';
import {
  isBlind,
  isDoubtful,
  trialOf,
  type Finding,
  type Pull,
  type RunVerdict,
  type UnknownCause,
  type WeakCause,
} from './verdict.js';

/** Numbers that may be missing, in words. */
function wordsOf({ strings: s, numbers: n }: VerdictWording) {
  const word = (format: (value: number) => string) => (value: number | undefined) =>
    value === undefined ? s.noNumber : format(value);
  return { percent: word(n.percent), number: word(n.number) };
}

const ENGLISH: VerdictWording = { strings: VERDICT_SENTENCES, numbers: numbersIn() };

export function verdictText(verdict: RunVerdict, wording: VerdictWording = ENGLISH): string {
  const { strings: s } = wording;
  switch (verdict.kind) {
    case 'failed':
      return s.failedRun;
    case 'running':
      return soFarText(verdict.soFar, wording);
    case 'stopped':
    case 'interrupted':
      return [isLeak(verdict.soFar) && verdictText(verdict.soFar, wording), s[`${verdict.kind}Run`]]
        .filter(Boolean)
        .join(' ');
    case 'held':
      return sentences(
        fill(s.holds, ...countsText(verdict.harm, 'high', wording)),
        lossSentence(verdict.loss, wording),
        furtherText(verdict, wording),
        stepText(verdict, wording),
      );
    case 'weakened':
    case 'lost':
      return sentences(
        fill(verdict.kind === 'lost' ? s.lost : s.weak, weakText(verdict, verdict, wording)),
        furtherText(verdict, wording),
        stepText(verdict, wording),
      );
    case 'broken':
      return fill(s.broken, lawsText(verdict.laws, wording));
    case 'unprotected': {
      const { learned, harm } = verdict;
      const text = learned
        ? fill(s.unprotectedRisen, weakText(learned, verdict, wording))
        : harm
          ? fill(s.unprotectedHarm, ...countsText(harm, 'high', wording))
          : s.unprotected;
      const untold = verdict.untold && unknownText(verdict.untold, wording);
      return sentences(text, untold, furtherText(verdict, wording));
    }
    case 'ready':
    case 'unready':
      return vectorText(verdict, wording);
    case 'unknown':
      return sentences(
        unknownText(verdict, wording),
        furtherText(verdict, wording),
        stepText(verdict, wording),
        verdict.leak && trialText(verdict.leak, wording),
      );
    case 'evaluated':
      return s.evaluated;
  }
}

const leftOf = ({ lossWith, lossWithout }: VectorQuality): number | undefined =>
  lossWith === undefined || lossWithout === undefined ? undefined : lossWith / lossWithout;

function vectorText(
  { kind, quality, taken }: Extract<Finding, { kind: 'ready' | 'unready' }>,
  wording: VerdictWording,
): string {
  const { strings: s, numbers: n } = wording;
  const { percent, number } = wordsOf(wording);
  const rows = quality.harmful === undefined ? s.noNumber : n.count(quality.harmful);
  const area = areaText(quality, wording);
  const isBlurred = kind === 'unready' && quality.auroc < LIMITS.detectorAuroc;
  return sentences(
    isBlurred
      ? fill(s.unready, rows, ...area, number(LIMITS.detectorAuroc))
      : fill(kind === 'ready' ? s.ready : s.unreadyFinds, rows, foundText(quality, kind === 'ready', wording), ...area),
    !isBlurred &&
      isRecallExtrapolated(quality) &&
      fromOrdinary(quality, { rows: s.vectorBeyond, prompts: s.vectorBeyondPrompts }, n),
    !isBlurred && mayFindMore(quality.recall, isRecallExtrapolated(quality)) && s.vectorFindsMore,
    leftOf(quality) !== undefined && fill(s.vectorLoss, percent(leftOf(quality))),
    stepText({ taken }, wording),
    trialText(quality, wording),
  );
}

/** Share of the held-out harmful rows that is found, with its lower bound. */
function foundText(
  { recall, harmful = 0, harmfulPrompts }: VectorQuality,
  isBounded: boolean,
  wording: VerdictWording,
): string {
  const { strings: s, numbers: n } = wording;
  const text = wordsOf(wording).percent(recall);
  const [low] = (isBounded && recall !== undefined && shareBounds(recall, harmful, harmfulPrompts)) || [];
  return low === undefined ? text : fill(s.atLeast, text, n.bound(low, 'low'));
}

/** How well a vector protects by itself: with the rows of the trial, and how sure that is. */
function trialText(quality: VectorQuality, { strings: s, numbers: n }: VerdictWording): string {
  const { trial = 0, trialInterval: [low, high] = [0, 0], trialTrained = 0, trialMeasured = 0 } = quality;
  const told = trialOf(quality);
  if (!told) return s.notTried;
  return sentences(
    fill(
      { protects: s.trialHeld, leaks: s.trialLost, untold: s.trialUnclear }[told],
      n.count(trialTrained),
      n.count(trialMeasured),
      n.percent(trial),
      n.bound(low, 'low'),
      n.bound(high, 'high'),
    ),
    (told === 'leaks' || isDoubtful(quality)) && !isBlind(quality) && s.trialRemedy,
  );
}

/** The AUROC with its interval. */
function areaText({ auroc, aurocInterval }: VectorQuality, wording: VerdictWording): string[] {
  const { strings: s, numbers: n } = wording;
  const ends = aurocInterval && [n.end(aurocInterval[0], 'low'), n.end(aurocInterval[1], 'high')];
  return [wordsOf(wording).number(auroc), ...(ends ?? [s.noNumber, s.noNumber])];
}

/** How much of its loss on harmful rows the delivered model has kept. */
export function lossSentence(loss: HarmfulLoss | undefined, wording: VerdictWording = ENGLISH): string {
  const { strings: s } = wording;
  if (!loss) return s.lossUnknown;
  return fill(loss.rows === 'anchored' ? s.lossAnchored : s.lossKept, ...lossText(loss, wording));
}

const sentences = (...parts: (string | false | undefined)[]): string => parts.filter(Boolean).join(' ');

/** Why the protection is weak, or failed, without a full stop: `protectionWeakened` of a run. */
export function weakText(
  weak: WeakCause | { kind: 'lost'; risen: Compared[] },
  { pull, loss }: Pick<Finding, 'pull' | 'loss'>,
  wording: VerdictWording = ENGLISH,
): string {
  const { strings: s } = wording;
  const { percent, number } = wordsOf(wording);
  if (!('cause' in weak) || weak.cause === 'evaluation')
    return wording.numbers.parts(weak.risen.map((one) => risenText(one, wording)));
  if (weak.cause === 'reported') return weak.reason.replace(/\.$/, '');
  return loss
    ? fill(s.reasonLoss, ...lossText(loss, wording), percent(LIMITS.lossKept))
    : fill(s.reasonLearned, number(pull.lossBefore), number(pull.lossNow));
}

function risenText(risen: Compared, wording: VerdictWording): string {
  const { strings: s } = wording;
  const proven = isProven(risen);
  if (risen.isBound) {
    const [hits, of, , base, ofBase] = countsText(risen, 'low', wording);
    return fill(proven ? s.reasonOpen : s.reasonOpenChance, risen.name, hits, of, base, ofBase, risen.judge);
  }
  return fill(
    proven ? s.reasonHarm : s.reasonChance,
    risen.name,
    ...countsText(risen, proven ? 'low' : 'high', wording),
    risen.judge,
  );
}

/** Which rows, and how much of their loss is kept, with its interval. */
function lossText(
  { rows, of, base, delivered, low, high }: HarmfulLoss,
  wording: VerdictWording,
): [string, string, string, string] {
  const { numbers: n } = wording;
  const [least, most] = [n.bound(low, 'low'), n.bound(high, 'high')];
  return [harmfulRowsText({ rows, of }, wording), n.percent(delivered / base), least, most];
}

/** That the task was not learned, with the likely reason. */
function idleText({ idle }: Pick<Finding, 'idle'>, { strings: s, numbers: n }: VerdictWording): string | undefined {
  if (!idle) return undefined;
  const { of, steps, reason, weighted, flagged } = idle;
  const counts = countsOf(of, n);
  if (reason === 'cutOff') return fill(s.idleCutOff, ...counts, n.count(of.cut ?? 0));
  const why = {
    fewSteps: s.idleFewSteps,
    lossStays: s.idleLossStays,
    lossFell: s.idleLossFell,
    unclear: s.idleUnclear,
  };
  return sentences(
    fill(s.idle, ...counts),
    weighted && fill(s.idleWeighted, weighted),
    flagged && fill(s.idleFlagged, n.count(flagged.rows), n.count(flagged.of)),
    fill(why[reason], n.count(steps)),
  );
}

/** That the loss on harmful rows of a set has fallen. */
function movedText({ moved }: Pick<Finding, 'moved'>, { strings: s, numbers: n }: VerdictWording): string | undefined {
  return moved && fill(s.moved, moved.name, n.percent(moved.now / moved.base), n.count(moved.count));
}

/** What else is told of a fine-tuning, whatever its verdict. */
const furtherText = (finding: Pick<Finding, 'idle' | 'moved' | 'refuses'>, wording: VerdictWording): string =>
  sentences(idleText(finding, wording), movedText(finding, wording), refusesText(finding, wording));

/** What it refuses that it should answer. */
const refusesText = ({ refuses }: Pick<Finding, 'refuses'>, { strings: s, numbers: n }: VerdictWording) =>
  refuses && fill(s.refuses, ...countsOf(refuses, n));

/** Which step it is of, where that is not the last that was planned. */
function stepText(
  { watch, taken }: Pick<Finding, 'watch' | 'taken'>,
  { strings: s, numbers: n }: VerdictWording,
): string | undefined {
  if (taken !== undefined) return fill(s.takenBack, n.count(taken));
  const template = watch && { stop: s.watchStop, restore: s.watchRestore }[watch.action];
  return template && fill(template, n.count(watch.step), n.percent(LIMITS.lossKept), n.count(watch.delivered));
}

/** What of a run's training explains its verdict, and on which rows, where that is known. */
export function explanation(
  { gradientShare, lossShare, gradientMost, lossMost, rows }: Pull,
  wording: VerdictWording = ENGLISH,
): string | undefined {
  const { strings: s, numbers: n } = wording;
  const share = gradientShare ?? lossShare;
  if (share === undefined) return undefined;
  const isGradient = gradientShare !== undefined;
  // Training sees every step, not only the last.
  const [atEnd, most] = [n.percent(share), n.percent((isGradient ? gradientMost : lossMost) ?? share)];
  const seen = most === atEnd ? atEnd : fill(s.explainMost, most, atEnd);
  if (!rows) return fill(isGradient ? s.explainGradient : s.explainLoss, seen);
  return sentences(
    fill(isGradient ? s.explainGradientOn : s.explainLossOn, harmfulRowsText(rows, wording), seen),
    rows.rows === 'anchored' && s.anchoredOnly,
  );
}

/**
 * A plain run beside the protected model, by the same judge on the same set.
 * @param told what the verdict says of the protected model; else the main judge of the first harm set is told with it
 */
export function besideText(
  measurements: readonly Measurement[],
  plainLoss: HarmfulLoss | undefined,
  told: Compared | undefined,
  wording: VerdictWording = ENGLISH,
): string | undefined {
  const { strings: s } = wording;
  const main = measurements.find(({ state, measure }) => state === 'protected' && measure === 'harm');
  const isMain = ({ name, judge }: Compared): boolean => name === main?.name && judge === main.judge;
  const guarded = told ?? comparedWithBase(measurements, ['harm'], 'protected').find(isMain);
  if (!guarded) return undefined;
  const plain = comparedWithBase(measurements, ['harm'], 'plain').find(
    ({ name, judge }) => name === guarded.name && judge === guarded.judge,
  );
  const whole = wholeLoss(plainLoss);
  const [hits = '', of = '', bound = ''] = plain ? countsText(plain, 'low', wording) : [];
  const text = sentences(
    !told && fill(s.besideProtected, guarded.name, ...countsText(guarded, 'high', wording)),
    plain && fill(s.besidePlain, plain.name, hits, of, bound, plain.judge),
    plain && whole && fill(s.besidePlainLoss, ...lossText(whole, wording)),
  );
  return text || undefined;
}

function unknownText(unknown: UnknownCause, wording: VerdictWording): string {
  const { strings: s, numbers: n } = wording;
  switch (unknown.cause) {
    case 'tooFew':
      return fill(s.tooFew, unknown.of.name, n.count(fewest(unknown.of)), n.count(LIMITS.fewestPrompts));
    case 'trainedPrompts': {
      const { of, trained = 0 } = unknown;
      return fill(s.trainedPrompts, n.count(trained), n.count(fewest(of)), of.name, n.count(LIMITS.fewestPrompts));
    }
    case 'baseComplies': {
      const { name, judge, base, baseCount } = unknown.of;
      const said = judge === REFUSAL_JUDGE ? s.baseCompliesEnglish : s.baseComplies;
      return fill(said, name, n.count(counted(base, baseCount).hits), n.count(baseCount));
    }
    case 'open': {
      const { name, judge, count, open = 0, baseOpen = 0 } = unknown.of;
      const said = fill(s.leftOpen, name, n.count(open), n.count(count + open), judge, n.count(baseOpen));
      return sentences(said, openRemedy(judge, s));
    }
    case 'unmeasured': {
      const { name, judge, base, now } = unknown.of;
      if (!base?.open && !now?.open) return fill(s.oneSided, name, judge);
      const counts = [now?.open, now?.count, base?.open, base?.count];
      const said = counts.map((one) => (one === undefined ? s.noNumber : n.count(one)));
      return sentences(fill(s.leftTooMany, name, ...said, judge), openRemedy(judge, s));
    }
    case 'cutOff': {
      const { name, cut = 0, count, baseCut = 0, baseCount } = unknown.of;
      return fill(s.cutOff, name, ...[cut, count, baseCut, baseCount].map(n.count));
    }
    case 'unmatched':
      return fill(s.unmatched, unknown.of.name, n.count(unknown.of.unmatched ?? 0));
    case 'unclassified':
      return fill(s.unclassified, ...countsOf(unknown.of, n), unknown.of.judge);
    case 'notHeldOut': {
      const { harmful = 0, ordinary = 0 } = unknown.quality ?? {};
      const left = unknown.quality && leftOf(unknown.quality);
      if (harmful > 0 && ordinary === 0)
        return sentences(
          fill(s.onlyHarmfulHeldOut, n.count(harmful)),
          left !== undefined && fill(s.vectorLoss, n.percent(left)),
        );
      return harmful === 0 && ordinary > 0 ? fill(s.onlyOrdinaryHeldOut, n.count(ordinary)) : s.notHeldOut;
    }
    case 'fewHeldOut': {
      const { harmful, ordinary, harmfulPrompts = harmful, ordinaryPrompts = ordinary } = unknown.quality;
      const counts = (...all: (number | undefined)[]): string[] =>
        all.map((one) => (one === undefined ? s.noNumber : n.count(one)));
      const { detectorRows } = LIMITS;
      // A quarter of the prompts is held out where these are few.
      const found = [...areaText(unknown.quality, wording), n.count(detectorRows), n.count(4 * detectorRows)];
      return harmfulPrompts === harmful && ordinaryPrompts === ordinary
        ? fill(s.fewHeldOut, ...counts(harmful, ordinary), ...found)
        : fill(s.fewHeldOutPrompts, ...counts(harmful, ordinary, harmfulPrompts, ordinaryPrompts), ...found);
    }
    case 'lossUnclear':
      return fill(s.lossUnclear, ...lossText(unknown.loss, wording));
    case 'lawUnchecked':
      return fill(s.lawUnchecked, lawsText(unknown.laws, wording));
    default:
      return s[unknown.cause];
  }
}

/** Phrases leave nothing open but what breaks off within a thought. */
const openRemedy = (judge: string, s: VerdictSentences): string =>
  judge === REFUSAL_JUDGE || judge === COMPLIANCE_JUDGE ? s.leftCutOff : s.leftAgain;

const lawsText = (laws: readonly InvariantName[], { strings: s, numbers }: VerdictWording): string =>
  numbers.parts(laws.map((law) => s[law]));

const isLeak = ({ kind }: Finding): boolean => kind === 'weakened' || kind === 'lost' || kind === 'broken';

function soFarText(finding: Finding, wording: VerdictWording): string {
  const { strings: s } = wording;
  const { percent, number } = wordsOf(wording);
  if (isLeak(finding) || finding.kind === 'unprotected') return verdictText(finding, wording);
  const { lossShare, lossBefore, lossNow } = finding.pull;
  if (finding.loss) return fill(s.soFarKept, ...lossText(finding.loss, wording));
  if (lossShare === undefined && lossNow === undefined) return s.soFarNothing;
  if (finding.kind === 'ready' || finding.kind === 'unready')
    return fill(s.soFarVector, number(finding.quality.auroc), percent(leftOf(finding.quality)));
  // The model that a vector is trained on stays as it is: its own loss says nothing.
  if (finding.kind === 'unknown' && finding.cause === 'notHeldOut')
    return lossShare === undefined ? s.soFarNothing : fill(s.soFarVectorLoss, percent(lossShare));
  return fill(s.soFarLoss, number(lossNow), number(lossBefore));
}
