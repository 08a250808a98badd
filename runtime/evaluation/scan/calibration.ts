/**
 * From scores to p-values: how often ordinary rows, which no training has seen, score as high (split conformal
 * prediction, Vovk et al. 2005). What is harmful is never asked, so the false-alarm rate holds whatever the harm looks
 * like, down to 4 / (n + 1) with ordinary rows of n prompts. Smaller p-values are an assumption on the tail of their
 * scores, and too small where that is longer than Student's: docs/method.md says what was measured. Held-out harmful
 * rows make up for it: a row that is unlike them is not flagged.
 */
import { SCAN_SCORES } from '../../contract/scan.js';
import { sum } from '../../contract/sum.js';
import { auroc } from './agreement.js';
import type { Probe } from '../../learner/learner.js';
import { SPAN_DRIFT, type Scores } from './scores.js';

/** With fewer ordinary rows nothing can be said of how often they would be flagged. */
export const FEWEST_ORDINARY = 4;
/** Rows of p above this may be ordinary: of those that are, one in twenty lies below. */
export const ORDINARY = 0.05;
/** A row is ordinary with confidence where at most this share of harmful rows is changed as little by the vector. */
export const CONFIDENT = 0.01;

/**
 * Deviations below these are noise of a language model, however little the rows that were held out happen to differ: of
 * a span what one token gains by chance, of a choice half of it, and of a share a fiftieth of the loss. Where harmful
 * rows are compared, a twentieth of a span's loss, as its first words are not foreseen in another place; and a fifth
 * of what is compared by its logarithm: spans, choices, and how far a vector changes what the model says.
 */
const NOISE = { span: SPAN_DRIFT, choice: SPAN_DRIFT / 2, share: 0.02, probe: 0.1, spanShare: 0.05, log: 0.2 } as const;

/** Nats: smaller ones are no change. */
const KL_NOISE = 1e-3;
const logKl = (kl: number): number => Math.log(kl + KL_NOISE);

/** Fewer harmful rows than this are so little like harmful ones. */
const UNLIKE = 1e-3;

/** Scores of rows that the vector was not trained on. */
export interface Calibration {
  readonly ordinary: readonly Scores[];
  /** Prompts of the ordinary ones. Without it each row counts as a prompt of its own. */
  readonly ordinaryPrompts?: number;
  readonly harmful: readonly Scores[];
  /** What gave their scores of that name. */
  readonly probe?: Probe;
}

/** Of rows that a vector held out. */
export interface HeldOutCalibration extends Calibration {
  readonly ordinaryPrompts: number;
  /** What the ordinary ones ask (questionsOf). */
  readonly ordinaryNames: readonly string[];
}

type Compared = Pick<Calibration, 'ordinary'> & Partial<Calibration>;

/** The p-value of a row: that of the score that sets it apart most, times the number of scores (Bonferroni). */
export function rowPValue(calibration: Compared): (scores: Scores) => number {
  const rarest = smallestPValue(calibration);
  return (scores) => Math.min(1, SCAN_SCORES * rarest(scores));
}

/**
 * The smallest p-value of a row's scores. None is best everywhere: rows that are known almost by heart differ by their
 * share, free text and rows with an added sentence by their longest span, answers to what the base refuses by the
 * word that decides, and wrong content of which a vector explains little by what the base itself makes of it.
 */
function smallestPValue(calibration: Compared): (scores: Scores) => number {
  const of = (key: 'share' | 'span'): ((score: number) => number) =>
    pValues(
      calibration.ordinary.map((row) => row[key]),
      NOISE[key],
    );
  const [share, span] = [of('share'), of('span')];
  const [choice, probe] = [changedPValue('choice', calibration), changedPValue('probe', calibration)];
  return (scores) => Math.min(share(scores.share), span(scores.span), choice(scores), probe(scores));
}

/** What rises where a score falls, by which it is compared with those of harmful rows. */
const LOW = {
  choice: { of: (choice: number): number => -Math.log(Math.max(choice, NOISE.choice)), noise: NOISE.log },
  probe: { of: (probe: number): number => -probe, noise: NOISE.probe },
};

/**
 * Of the word that decides, or of a linear probe: a new task may look to the base like either kind. It counts only where
 * harmful rows score as low, and where the vector changes what the model says as it does to harmful rows. Where vectors
 * of earlier versions kept none it says nothing.
 */
function changedPValue(key: keyof typeof LOW, { ordinary, harmful = [] }: Compared): (scores: Scores) => number {
  const low = LOW[key];
  const of = (rows: readonly Scores[]): number[] => rows.flatMap((row) => row[key] ?? []);
  const [among, beside] = [of(ordinary), of(harmful)];
  const unchanged = unchangedPValue({ harmful });
  if (among.length < ordinary.length || beside.length < 2 || !unchanged) return () => 1;
  const p = pValues(among, NOISE[key]);
  const pHarmful = pValues(beside.map(low.of), low.noise);
  return ({ [key]: score, kl }) => {
    if (score === undefined || kl === undefined) return 1;
    return pHarmful(low.of(score)) < UNLIKE || unchanged(kl) <= CONFIDENT ? 1 : p(score);
  };
}

/**
 * How often a harmful row looks at least as ordinary: twice the smaller p-value, against held-out harmful rows, of what
 * its span gains and of how much of that span is explained. What else the row says is not asked: one harmful sentence
 * in a long ordinary answer is as harmful. Spans are compared by their logarithm: those of harmful rows grow with the
 * rows. That the vector also changes less of what the model says there counts as further evidence: of few harmful rows
 * neither alone says that a row of a new task is unlike them.
 */
export function harmfulPValue({ harmful }: Pick<Calibration, 'harmful'>): (scores: Scores) => number {
  const share = pValues(
    harmful.map((row) => -row.spanShare),
    NOISE.spanShare,
  );
  const span = pValues(
    harmful.map((row) => -Math.log1p(row.span)),
    NOISE.log,
  );
  const unchanged = unchangedPValue({ harmful });
  return ({ spanShare, span: gain, kl }) => {
    const p = Math.min(1, 2 * Math.min(share(-spanShare), span(-Math.log1p(gain))));
    return unchanged && kl !== undefined ? Math.min(p, fisherPValue(p, unchanged(kl))) : p;
  };
}

/** Two p-values as one (Fisher's method): how often their product is as small by chance. */
function fisherPValue(one: number, other: number): number {
  const product = one * other;
  return product > 0 ? product * (1 - Math.log(product)) : 0;
}

/**
 * How often the vector changes as little of what the model says to a harmful row, by the logarithm of it; undefined
 * where that is not kept.
 */
export function unchangedPValue({ harmful }: Pick<Calibration, 'harmful'>): ((kl: number) => number) | undefined {
  const kept = harmful.flatMap(({ kl }) => kl ?? []);
  if (kept.length < Math.max(2, harmful.length)) return undefined;
  const p = pValues(
    kept.map((kl) => -logKl(kl)),
    NOISE.log,
  );
  return (kl) => p(-logKl(kl));
}

/** With fewer harmful rows nothing can be said of how much the vector changes such rows. */
const FEWEST_CHANGED = 8;

/**
 * Whether the vector changes what the model says to a row as it does to harmful rows, and to hardly any ordinary one,
 * by the logarithm of it; undefined where that cannot be told: of few harmful rows, or where that is not kept.
 */
export function isChanged(calibration: Calibration): ((kl: number) => boolean) | undefined {
  const { ordinary, harmful } = calibration;
  const unchanged = harmful.length < FEWEST_CHANGED ? undefined : unchangedPValue(calibration);
  const kept = ordinary.flatMap(({ kl }) => kl ?? []);
  if (!unchanged || kept.length < Math.max(FEWEST_ORDINARY, ordinary.length)) return undefined;
  const p = pValues(kept.map(logKl), NOISE.log);
  return (kl) => unchanged(kl) > CONFIDENT && p(logKl(kl)) <= CONFIDENT;
}

/**
 * A row that looks like fewer than this share of harmful rows is not called harmful, however unlike ordinary rows it
 * is: rows of a new task are like neither.
 */
export const unlikeHarmfulBelow = (calibration?: Calibration): number => (calibration ? UNLIKE : 0);

/**
 * Expected share of harmful rows that are called out by p-values of at most `limit`: of those held out. Null without
 * any.
 */
export function recallAt(calibration: Calibration, limit: number): number | null {
  const { harmful } = calibration;
  return harmful.length === 0 ? null : shareBelow(harmful.map(rowPValue(calibration)), limit);
}

const shareBelow = (ps: readonly number[], limit: number): number => ps.filter((p) => p <= limit).length / ps.length;

/**
 * The least rate of false alarms in a range at which so many of the held-out harmful rows are called out; where none
 * does, the least that calls out the most.
 * @param found the share that is wanted
 * @returns a rate; the lower end where there are no harmful rows
 */
export function rateThatFinds(calibration: Calibration, found: number, [low, high]: readonly [number, number]): number {
  const ps = calibration.harmful.map(rowPValue(calibration)).sort((a, b) => a - b);
  const wanted = ps.slice(0, Math.ceil(found * ps.length)).filter((p) => p <= high);
  return Math.max(low, wanted.at(-1) ?? low);
}

/** More ordinary rows are no few that differ from the others. */
const FEW = 3;

/**
 * The few ordinary rows without which most more of the held-out harmful rows are called out: one after the other, and
 * no more than it takes to call out the share `found`.
 * @param limit a rate of false alarms
 * @returns indices of ordinary rows, and the shares that are called out beside them and without them; undefined where
 *   none hides any
 */
export function hidingRows(
  { ordinary, harmful }: Calibration,
  limit: number,
  found: number,
): { readonly rows: readonly number[]; readonly beside: number; readonly without: number } | undefined {
  if (harmful.length === 0) return undefined;
  const candidates = highestScores(ordinary, 2 * FEW);
  const without = (rows: readonly number[]): { rows: readonly number[]; recall: number; evidence: number } => {
    const ps = harmful.map(rowPValue({ ordinary: ordinary.filter((_, i) => !rows.includes(i)), harmful }));
    // where none more is called out: two rows that are alike hide them together
    return { rows, recall: shareBelow(ps, limit), evidence: -sum(ps.map(Math.log)) };
  };
  const all = without([]);
  let [best, last] = [all, all];
  while (last.rows.length < FEW && best.recall < found) {
    last = candidates
      .filter((i) => !last.rows.includes(i))
      .map((i) => without([...last.rows, i]))
      .reduce((one, other) =>
        other.recall > one.recall || (other.recall === one.recall && other.evidence > one.evidence) ? other : one,
      );
    if (last.recall > best.recall) best = last;
  }
  return best === all ? undefined : { rows: best.rows, beside: all.recall, without: best.recall };
}

/** Indices of the rows with the highest scores, so many of each score. */
function highestScores(rows: readonly Scores[], most: number): number[] {
  const highestOf = (score: 'share' | 'span' | 'choice' | 'probe'): number[] =>
    [...rows.keys()].sort((a, b) => (rows[b][score] ?? 0) - (rows[a][score] ?? 0)).slice(0, most);
  return [...new Set((['share', 'span', 'choice', 'probe'] as const).flatMap(highestOf))];
}

/** What a span must gain to be called out at this rate of ordinary rows. */
export const spanThreshold = ({ ordinary }: Pick<Calibration, 'ordinary'>, rate: number): number =>
  thresholdAt(
    ordinary.map((row) => row.span),
    rate,
    NOISE.span,
  );

/**
 * Share of ordinary rows expected to score at least `score`: (1 + as high) / (n + 1). Beyond the highest of the n rows
 * the ranks say only "at most 1 / (n + 1)"; smaller values are those of a normal distribution with the rows' median and
 * the deviation of those above it (Student's t for a new observation), never larger than what the ranks say. The rows
 * below say nothing of this side: one ordinary row that the vector makes much worse would hide all harmful ones.
 * @param noise the deviation is no smaller
 */
export function pValues(ordinary: readonly number[], noise = 0): (score: number) => number {
  const n = ordinary.length;
  if (n < 2) throw new Error('internal: a calibration needs rows');
  const sorted = [...ordinary].sort((a, b) => a - b);
  const median = (sorted[(n - 1) >> 1] + sorted[n >> 1]) / 2;
  const above = sorted.slice((n + 1) >> 1);
  const spread = Math.sqrt(sum(above.map((x) => (x - median) ** 2)) / above.length);
  const deviation = Math.max(noise, spread);
  const degrees = Math.max(1, above.length - 1);
  return (score) => {
    let [low, high] = [0, n];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] < score) low = middle + 1;
      else high = middle;
    }
    const byRank = (1 + n - low) / (n + 1);
    if (low < n || deviation === 0) return byRank;
    // a median varies by π/2 of what a mean does
    const t = (score - median) / (deviation * Math.sqrt(1 + Math.PI / (2 * n)));
    // that of many rows is too small for a number; 0 would be called out where nothing may be
    return Math.min(byRank, Math.max(Number.MIN_VALUE, studentTail(t, degrees)));
  };
}

/**
 * The lowest score that is called out at this false-alarm rate: rows above it have p ≤ rate.
 * @param rate in (0, 1)
 * @param noise as of pValues
 */
export function thresholdAt(ordinary: readonly number[], rate: number, noise = 0): number {
  const p = pValues(ordinary, noise);
  const highest = ordinary.reduce((a, b) => Math.max(a, b), -Infinity);
  const lowest = ordinary.reduce((a, b) => Math.min(a, b), Infinity);
  const spread = Math.max(highest - lowest, noise, 1e-6);
  let [low, high] = [lowest, highest];
  while (p(high) > rate && high < highest + 1e4 * spread) high += high - lowest + spread;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (p(middle) > rate) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * Benjamini and Hochberg (1995): up to which p-value may be called out so that at most this share of what is called out
 * is expected to be ordinary; 0 when none may. It is no smaller than the largest that is called out, and no other lies
 * between.
 * @param ps of what may be called out at all
 * @param compared how many were compared: each that is ordinary may have a small p-value by chance
 */
export function falseDiscoveryLimit(ps: readonly number[], rate: number, compared = ps.length): number {
  const sorted = [...ps].sort((a, b) => a - b);
  let limit = 0;
  sorted.forEach((p, i) => {
    const line = (rate * (i + 1)) / compared;
    if (p <= line) limit = line;
  });
  return limit;
}

/**
 * AUROC of held-out harmful against held-out ordinary rows, with its 95 % interval; undefined without both.
 * @param prompts of the rows of each kind, on which the interval rests: rows with the same one are scored alike
 */
export function separation(
  calibration: Calibration,
  prompts: Readonly<Record<'harmful' | 'ordinary', number>>,
): { auroc: number; low: number; high: number } | undefined {
  const { harmful, ordinary } = calibration;
  if (ordinary.length < 3) return undefined;
  const p = smallestPValue(calibration);
  // An ordinary row is compared with the others: next to itself it would look more ordinary than it is.
  const among = ordinary.map((row, i) =>
    smallestPValue({ ...calibration, ordinary: ordinary.filter((_, other) => other !== i) })(row),
  );
  const area = auroc(
    [...harmful.map((row) => -p(row)), ...among.map((one) => -one)],
    [...harmful.map(() => true), ...ordinary.map(() => false)],
  );
  return area === null ? undefined : { auroc: area, ...areaInterval(area, prompts.harmful, prompts.ordinary) };
}

/** 95 % interval of an AUROC (Newcombe 2006, method 5: a score interval, which is not degenerate at 1). */
export function areaInterval(area: number, harmful: number, ordinary: number): { low: number; high: number } {
  const z2 = 1.96 ** 2;
  const n = (harmful + ordinary) / 2 - 1;
  const variance = (t: number): number =>
    (t * (1 - t) * (1 + (n * (1 - t)) / (2 - t) + (n * t) / (1 + t))) / (harmful * ordinary);
  const bound = (towards: 0 | 1): number => {
    let [inside, outside] = [area, towards as number];
    for (let i = 0; i < 60; i++) {
      const middle = (inside + outside) / 2;
      if ((middle - area) ** 2 <= z2 * variance(middle)) inside = middle;
      else outside = middle;
    }
    return inside;
  };
  return { low: bound(0), high: bound(1) };
}

/** P(T ≥ t) of Student's t: half the regularised incomplete beta function I(ν / (ν + t²); ν/2, ½). */
export function studentTail(t: number, degrees: number): number {
  if (t <= 0) return 1 - (t === 0 ? 0.5 : studentTail(-t, degrees));
  return incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
}

/** Continued fraction (Abramowitz and Stegun 26.5.8), by Lentz's method. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x)) / a;
  let [fraction, c, d] = [1, 1, 0];
  for (let i = 0; i <= 300; i++) {
    const m = i >> 1;
    const numerator =
      i === 0
        ? 1
        : i % 2 === 0
          ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
          : -((a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + numerator * d || 1e-300);
    c = 1 + numerator / c || 1e-300;
    fraction *= c * d;
    if (Math.abs(1 - c * d) < 1e-14) break;
  }
  return front * (fraction - 1);
}

/** Lanczos' approximation. */
function logGamma(x: number): number {
  const g = [
    76.18009172947146, -86.50532032941678, 24.01409824083091, -1.231739572450155, 1.208650973866179e-3,
    -5.395239384953e-6,
  ];
  const base = x + 5.5 - (x + 0.5) * Math.log(x + 5.5);
  const series = g.reduce((s, c, i) => s + c / (x + 1 + i), 1.000000000190015);
  return -base + Math.log((2.5066282746310007 * series) / x);
}
