/** What is shown of a sweep: heat maps, protection curves and a table. The report and the page draw it. */
import { DURATION_WORDS, fill, formatDuration, type DurationWords, type Numbers, type Wording } from './format.js';
import { BRIEF_STRINGS, type BriefStrings } from './brief.js';
import { LIMITS } from './limits.js';
import { goodSide } from './measures.js';
import type { Tone } from './signs.js';
import { mean } from './sum.js';
import { MEASURES, TABLE_STRINGS, type TableStrings } from './table.js';
import {
  axisName,
  canonical,
  isFailed,
  isOrdered,
  isPlain,
  pointsOf,
  SEED,
  valuesOf,
  valuesText,
  valueText,
  type Over,
  type SweepPoint,
  type SweepValues,
} from './sweep.js';
import { curveOf, type Curve } from './sweepCurve.js';
import {
  fewestOf,
  figureLike,
  groupsOf,
  mainFigure,
  tooFewPrompts,
  type SweepFigure,
  type SweepGroup,
} from './sweepFigures.js';

export const SWEEP_STRINGS = {
  sweepTitle: 'Points',
  sweepDone: '{0} of {1} points are done.',
  sweepFailed: '{0} of {1} points are done, and {2} failed.',
  sweepHeld: 'Protection holds at {0} of {1} protected settings, with every seed and within the interval.',
  sweepHeldSoFar:
    'So far protection holds at {0} of {1} protected settings that have begun, with every seed and within the interval.',
  sweepTooFew:
    'Settings not counted, as {1} prompts are too few for the interval (at least {2} are needed), though protection held there with every seed: {0}.',
  sweepHeat: 'Where protection holds',
  sweepHeatHelp:
    'Mean over seeds of the delivered model, and the end of its 95 % interval. Green: protection held in every run, and the whole interval is at most {0} percentage points above the base. Red: in at least one run protection failed or an invariant is broken, or the whole interval is above that. Yellow: protection is weak in at least one run, or held in every run with an interval that reaches above that. No colour: a run is missing or failed, or there is no verdict.',
  sweepCurves: 'Protection curves',
  sweepCurvesHelp: 'Mean over seeds; the band reaches from the smallest to the largest.',
  sweepTable: 'All settings',
  sweepSettings: 'settings',
  sweepSeeds: 'runs',
  sweepVerdicts: 'verdicts',
  sweepSeconds: 'time',
  sweepAtMost: 'at most {0}',
  sweepAtLeast: 'at least {0}',
  sweepNotDone: 'not done',
  sweepRange: '{0} ({1} to {2})',
  sweepOpen: 'Open the run {0}',
  verdictHeld: 'held',
  verdictLost: 'protection failed',
  verdictFailed: 'run failed',
  verdictUnprotected: 'no protection',
  verdictEvaluated: 'evaluated',
} as const;
type SweepStrings = Record<keyof typeof SWEEP_STRINGS, string> & DurationWords & TableStrings & BriefStrings;

export const SWEEP_ENGLISH: SweepStrings = {
  ...TABLE_STRINGS,
  ...BRIEF_STRINGS,
  ...SWEEP_STRINGS,
  ...DURATION_WORDS,
};

export interface HeatCell {
  text: string;
  /** End of the interval, on the side that is bad. */
  bound: string;
  tone: Tone;
  mark: string;
  /** Share of full colour, 0 to 1. */
  strength: number;
  /** Its runs, and what opens each says: "Open the run 1: rate 0.001, seed 2". */
  runs: { folder: string; open: string }[];
}

export interface HeatMap {
  title: string;
  corner: string;
  columns: string[];
  rows: { label: string; cells: (HeatCell | undefined)[] }[];
}

interface SweepRow {
  title: string;
  runs: number;
  verdicts: string;
  tone: Tone;
  /** One for each column. */
  cells: string[];
  seconds: string;
}

export interface SweepView {
  summary: string;
  /** What the heat maps and the first curves show: "forbidden topic · harm". */
  measured: string;
  /** How the heat maps are read. */
  heatHelp: string;
  heat: HeatMap[];
  curves: Curve[];
  table: { columns: string[]; rows: SweepRow[] };
}

type Words = Wording<SweepStrings>;

export function sweepView(over: Over, points: readonly SweepPoint[], words: Words): SweepView {
  const { strings: s, numbers: n } = words;
  const seeds = over[SEED] === undefined ? 1 : valuesOf(over[SEED]).length;
  const groups = groupsOf(points, seeds);
  const main = mainFigure(groups);
  const find = finder(over, groups);
  const measured = main ? titleOf(main, s) : '';
  // Of a setting without a point it is not known whether it is protected.
  const guarded = groups.filter((group) => !group.points.some(isPlain)).length;
  const failed = points.filter(isFailed).length;
  const good = groups.filter(({ tone }) => tone === 'good').length;
  const few = groups.flatMap((group) => tooFewPrompts(group, seeds) ?? []);
  const most = fewestOf(few);
  return {
    summary: [
      fill(failed > 0 ? s.sweepFailed : s.sweepDone, points.length - failed, pointsOf(over).length, failed),
      main?.measure === 'harm' &&
        guarded > 0 &&
        fill(points.length < pointsOf(over).length ? s.sweepHeldSoFar : s.sweepHeld, good, guarded),
      most && fill(s.sweepTooFew, few.length, most.prompts, most.needed),
    ]
      .filter(Boolean)
      .join(' '),
    measured,
    heatHelp: fill(s.sweepHeatHelp, n.count(100 * LIMITS.harmRise)),
    heat: main ? heatMaps(over, find, main, words) : [],
    curves: curvesOf(over, groups, find, words),
    table: tableOf(over, groups, words),
  };
}

const titleOf = ({ name, measure, warned }: SweepFigure, s: SweepStrings): string =>
  `${name} · ${s[MEASURES[measure].label]}${warned ? ` ${MARKS.warning}` : ''}`;

/** Axes with more than one value, seeds left out: of numbers first, which lie across. */
function axesOf(over: Over): string[] {
  const keys = Object.keys(over).filter((key) => key !== SEED && valuesOf(over[key]).length > 1);
  return [...keys.filter((key) => isOrdered(over[key])), ...keys.filter((key) => !isOrdered(over[key]))];
}

/** The group of some values; axes that have one value need not be named. */
type Find = (values: SweepValues) => SweepGroup | undefined;

function finder(over: Over, groups: readonly SweepGroup[]): Find {
  const known = new Map(groups.map((group) => [canonical(group.values), group]));
  const single = Object.keys(over).filter((key) => key !== SEED && valuesOf(over[key]).length === 1);
  const [fixed] = pointsOf(pick(over, single));
  return (values) => known.get(canonical({ ...fixed, ...values }));
}

/** One map for each combination of the axes that are neither across nor down. */
function heatMaps(over: Over, find: Find, main: SweepFigure, words: Words): HeatMap[] {
  const [across, down, ...others] = axesOf(over);
  if (across === undefined) return [];
  const columns = valuesOf(over[across]);
  const lines = down === undefined ? [undefined] : valuesOf(over[down]);
  const measured = titleOf(main, words.strings);
  return pointsOf(pick(over, others)).map((fixed) => ({
    title: [measured, valuesText(fixed)].filter(Boolean).join(', '),
    corner: [down && axisName(down), axisName(across)].filter(Boolean).join(' \\ '),
    columns: columns.map(valueText),
    rows: lines.map((line) => ({
      label: line === undefined ? measured : valueText(line),
      cells: columns.map((column) => {
        const group = find({ ...fixed, [across]: column, ...(down !== undefined && { [down]: line }) });
        return group && heatCell(group, main, words);
      }),
    })),
  }));
}

const MARKS: Record<Tone, string> = { good: '✓', bad: '✗', warning: '⚠', neutral: '–' };

function heatCell(group: SweepGroup, main: SweepFigure, { strings: s, numbers: n }: Words): HeatCell {
  const figure = figureLike(group, main);
  const runs = group.points.map(({ folder, values }, i) => ({
    folder,
    open: fill(s.sweepOpen, `${i + 1}: ${valuesText(values)}`),
  }));
  const common = { tone: group.tone, mark: MARKS[group.tone], runs };
  if (!figure) {
    const isMade = !group.points.every(isFailed);
    return { ...common, text: isMade ? s.noMeasurement : s.verdictFailed, bound: '', strength: 0 };
  }
  const isLoss = figure.measure === 'loss';
  return {
    ...common,
    text: numberOf(figure, n)(figure.mean),
    bound: isLoss ? '' : boundOf(figure, { strings: s, numbers: n }),
    strength: isLoss ? 0 : 0.25 + 0.75 * figure.mean,
  };
}

function boundOf({ measure, low, high }: SweepFigure, { strings: s, numbers: n }: Words): string {
  if (low === undefined || high === undefined) return '';
  return goodSide(measure) === 'high'
    ? fill(s.sweepAtLeast, n.bound(low, 'low'))
    : fill(s.sweepAtMost, n.bound(high, 'high'));
}

const pick = (over: Over, keys: readonly string[]): Over => Object.fromEntries(keys.map((key) => [key, over[key]]));

/**
 * Over the first axis of numbers: a line for each way to train, a picture for each value of the other axes of numbers.
 */
function curvesOf(over: Over, groups: readonly SweepGroup[], find: Find, { strings: s, numbers }: Words): Curve[] {
  const axes = axesOf(over);
  const ordered = axes.filter((key) => isOrdered(over[key]));
  const [x, ...pictures] = ordered;
  if (x === undefined) return [];
  const lines = axes.filter((key) => !ordered.includes(key));
  const shown = shownFigures(groups.flatMap(({ figures }) => figures));
  return shown.flatMap((figure) => {
    const number = numberOf(figure, numbers);
    return pointsOf(pick(over, pictures)).map((fixed) =>
      curveOf({
        title: [titleOf(figure, s), valuesText(fixed)].filter(Boolean).join(', '),
        axis: axisName(x),
        at: valuesOf(over[x]) as number[],
        isShare: figure.measure !== 'loss',
        numbers,
        lines: pointsOf(pick(over, lines)).map((line) => ({
          label: valuesText(line) || titleOf(figure, s),
          at: (value) => {
            const group = find({ ...fixed, ...line, [x]: value });
            return group && figureLike(group, figure);
          },
          text: (of) =>
            of.runs > 1 ? fill(s.sweepRange, number(of.mean), number(of.min), number(of.max)) : number(of.mean),
        })),
      }),
    );
  });
}

/** How a figure is written: a loss is no share. */
const numberOf = ({ measure }: Pick<SweepFigure, 'measure'>, n: Numbers): ((value: number) => string) =>
  measure === 'loss' ? n.number : n.percent;

/** Harm and the first task: what protection is for, and what it must not cost. */
function shownFigures(all: readonly SweepFigure[]): SweepFigure[] {
  const harm = all.find(({ measure }) => measure === 'harm');
  const task = all.find(({ measure }) => measure === 'exact' || measure === 'contains' || measure === 'loss');
  return [harm, task].filter((one) => one !== undefined);
}

/** What is said of a point of each verdict. */
const VERDICTS: ReadonlyMap<string, { word: keyof SweepStrings; tone: Tone }> = new Map([
  ['held', { word: 'verdictHeld', tone: 'good' }],
  ['weakened', { word: 'briefWeakened', tone: 'warning' }],
  ['lost', { word: 'verdictLost', tone: 'bad' }],
  ['broken', { word: 'briefBroken', tone: 'bad' }],
  ['failed', { word: 'verdictFailed', tone: 'bad' }],
  ['unprotected', { word: 'verdictUnprotected', tone: 'neutral' }],
  ['ready', { word: 'briefReady', tone: 'neutral' }],
  ['unready', { word: 'briefUnready', tone: 'neutral' }],
  ['unknown', { word: 'briefUnknown', tone: 'neutral' }],
  ['evaluated', { word: 'verdictEvaluated', tone: 'neutral' }],
]);

/** The verdict of a point in words; one that a later version gave is as it stands there. */
export function verdictWord({ verdict }: Pick<SweepPoint, 'verdict'>, s: SweepStrings): string {
  const known = VERDICTS.get(verdict);
  return known ? s[known.word] : verdict;
}

const riseOf = ({ mean, base = 0 }: SweepFigure): number => mean - base;

/**
 * One point in a line: "✓ rate 0.02, seed 1: held · forbidden harm 0 % · new task right 98 % · 40 s". Of several
 * figures of harm that which has risen most.
 */
export function pointText(point: SweepPoint, { strings: s, numbers }: Words): { text: string; tone: Tone } {
  const { values, seconds } = point;
  const tone = VERDICTS.get(point.verdict)?.tone ?? 'neutral';
  const all = groupsOf([point]).flatMap(({ figures: some }) => some);
  const harm = all.filter(({ measure }) => measure === 'harm').toSorted((a, b) => riseOf(b) - riseOf(a));
  const figures = shownFigures([...harm, ...all]).map(
    (figure) => `${figure.name} ${s[MEASURES[figure.measure].label]} ${numberOf(figure, numbers)(figure.mean)}`,
  );
  const text = [
    numbers.of(`${MARKS[tone]} ${valuesText(values)}`, verdictWord(point, s)),
    ...figures,
    formatDuration(seconds, s),
  ].join(' · ');
  return { text, tone };
}

/** What tells a setting from the others; where there is only one, what it is, and of seeds alone, these. */
function settingText(over: Over, values: SweepValues): string {
  const axes = axesOf(over);
  const told = Object.entries(values).filter(([key]) => axes.length === 0 || axes.includes(key));
  const { [SEED]: seeds = [] } = over;
  return valuesText(Object.fromEntries(told)) || `${SEED} ${valuesOf(seeds).join(', ')}`;
}

function tableOf(over: Over, groups: readonly SweepGroup[], { strings: s, numbers: n }: Words): SweepView['table'] {
  const columns = [...new Map(groups.flatMap(({ figures }) => figures).map((one) => [keyOf(one), one])).values()];
  const several = new Set(columns.map(({ judge }) => judge)).size > 1;
  return {
    columns: columns.map((one) => [titleOf(one, s), ...(several ? [one.judge] : [])].join(' · ')),
    rows: groups.map((group) => ({
      title: settingText(over, group.values),
      runs: group.points.length,
      verdicts: Object.entries(group.verdicts)
        .map(([verdict, count]) => {
          const word = verdictWord({ verdict }, s);
          return group.points.length > 1 ? `${count} ${word}` : word;
        })
        .join(', '),
      tone: group.tone,
      cells: columns.map((column) => {
        const figure = figureLike(group, column);
        if (!figure) return '';
        const shown = numberOf(figure, n)(figure.mean);
        const end = figure.measure === 'loss' ? n.end : n.bound;
        return figure.low === undefined || figure.high === undefined
          ? shown
          : fill(s.sweepRange, shown, end(figure.low, 'low'), end(figure.high, 'high'));
      }),
      seconds: formatDuration(mean(group.points.map(({ seconds }) => seconds)), s),
    })),
  };
}

const keyOf = ({ name, measure, judge }: SweepFigure): string => JSON.stringify([name, measure, judge]);
