/** What the charts of a run show: from columns to named series. No drawing here. */
import type { Column } from '../../runtime/contract/columns.js';
import type { RunSnapshot, RunStrings, WalkthroughTopic } from '../protocol.js';
import type { SeriesColor } from '../theme.js';

export interface Series {
  label: string;
  steps: number[];
  values: Column;
  color: SeriesColor;
  /** Lengths of dashes and gaps in pixels; empty is a solid line. Differs within a chart, so that hue is not needed. */
  dash: number[];
  /** Points are marked where a series has few of them. */
  marked: boolean;
  width: number;
}

export interface ChartSpec {
  id: 'harmful' | 'benign' | 'gradients' | 'kl';
  title: string;
  unit: string;
  caption: string;
  topic: WalkthroughTopic;
  logarithmic: boolean;
  series: Series[];
}

const SOLID: number[] = [];
const DASHED = [7, 4];
const DOTTED = [2, 3];
const DASH_DOT = [9, 3, 2, 3];

/** The three charts of a training run; none for an evaluation. */
export function chartSpecs(run: RunSnapshot, strings: RunStrings): ChartSpec[] {
  if (run.kind === 'evaluate') return [];
  return run.kind === 'vector' ? vectorCharts(run, strings) : finetuneCharts(run, strings);
}

function finetuneCharts(run: RunSnapshot, s: RunStrings): ChartSpec[] {
  const { probes, plain } = run;
  const shielded = run.vectors.length > 0;
  const model = shielded ? s.seriesDelivered : s.seriesModel;
  const grey = { steps: plain?.probes.step ?? [], color: 'plain', dash: DOTTED, label: s.seriesPlain } as const;
  return [
    {
      id: 'harmful',
      title: s.chartHarmful,
      unit: s.unitLoss,
      caption: shielded ? s.captionHarmful : s.captionHarmfulPlain,
      topic: 'harmful-loss',
      logarithmic: false,
      series: [
        ...line(model, probes.step, probes.harmfulLossWithout, 'delivered', SOLID),
        ...line(s.seriesWith, probes.step, probes.harmfulLossWith, 'vector', DASHED),
        ...line(grey.label, grey.steps, plain?.probes.harmfulLossWithout, grey.color, grey.dash),
      ],
    },
    {
      id: 'benign',
      title: s.chartBenign,
      unit: s.unitLoss,
      caption: s.captionBenign,
      topic: 'benign-loss',
      logarithmic: false,
      series: [
        ...line(model, probes.step, probes.benignLossWithout, 'delivered', SOLID),
        ...line(s.seriesWith, probes.step, probes.benignLossWith, 'vector', DASHED),
        ...line(grey.label, grey.steps, plain?.probes.benignLossWithout, grey.color, grey.dash),
        // Without probe rows there is still the loss of each step's own rows.
        ...(probes.benignLossWithout || probes.benignLossWith
          ? []
          : trainLine(s.seriesTrainLoss, run.train.step, run.train.loss)),
      ],
    },
    {
      id: 'gradients',
      title: s.chartGradients,
      unit: s.unitGradient,
      caption: shielded ? s.captionGradients : s.captionGradientsPlain,
      topic: 'gradients',
      logarithmic: true,
      series: [
        ...line(
          shielded ? s.seriesHarmfulWithout : s.seriesHarmful,
          probes.step,
          probes.harmfulGradNormWithout,
          'harmful',
          SOLID,
        ),
        ...line(s.seriesHarmfulWith, probes.step, probes.harmfulGradNormWith, 'vector', DASHED),
        // With the vector is what training sees; without it the line would lie on top of this one.
        ...(probes.benignGradNormWith
          ? line(s.seriesBenignWith, probes.step, probes.benignGradNormWith, 'benign', DASH_DOT)
          : line(
              shielded ? s.seriesBenignWithout : s.seriesBenign,
              probes.step,
              probes.benignGradNormWithout,
              'benign',
              DASH_DOT,
            )),
      ],
    },
  ];
}

function vectorCharts(run: RunSnapshot, s: RunStrings): ChartSpec[] {
  const { probes, train } = run;
  const ends = [...new Set([probes.step[0], probes.step.at(-1)])].filter((step) => step !== undefined);
  const goal = run.goalHarmfulLoss;
  return [
    {
      id: 'harmful',
      title: s.chartHarmful,
      unit: s.unitLossLog,
      caption: s.captionHarmfulVector,
      topic: 'harmful-loss',
      logarithmic: true,
      series: [
        ...line(s.seriesBase, probes.step, probes.harmfulLossWithout, 'delivered', SOLID),
        ...line(s.seriesWithVector, probes.step, probes.harmfulLossWith, 'vector', DASHED),
        ...(goal === undefined
          ? []
          : line(
              s.seriesGoal,
              ends,
              ends.map(() => goal),
              'goal',
              DOTTED,
            ).map((g) => ({ ...g, marked: false }))),
      ],
    },
    {
      id: 'kl',
      title: s.chartKl,
      unit: s.unitKl,
      caption: s.captionKl,
      topic: 'benign-loss',
      logarithmic: false,
      series: line(s.seriesKl, probes.step, probes.benignKl, 'benign', DASH_DOT),
    },
    {
      id: 'gradients',
      title: s.chartGradientsVector,
      unit: s.unitGradient,
      caption: s.captionGradientsVector,
      topic: 'gradients',
      logarithmic: true,
      series: line(s.seriesGradNorm, train.step, train.gradNorm, 'vector', SOLID).map((g) => ({ ...g, marked: false })),
    },
  ];
}

/** No series for a column that the run does not have. */
function line(
  label: string,
  steps: readonly number[],
  values: Column | undefined,
  color: SeriesColor,
  dash: readonly number[],
): Series[] {
  return values ? [{ label, steps: [...steps], values, color, dash: [...dash], marked: true, width: 2 }] : [];
}

function trainLine(label: string, steps: number[], values: Column): Series[] {
  return line(label, steps, values, 'benign', DASH_DOT).map((g) => ({ ...g, marked: false }));
}

/** First and last number of a series, and the steps where it has none. */
export interface Summary {
  first?: { step: number; value: number };
  last?: { step: number; value: number };
  gaps: number[];
  /** Steps with a zero or negative value, which a logarithmic scale cannot show. */
  zeros: number[];
}

export function summary(series: Series): Summary {
  const found: Summary = { gaps: [], zeros: [] };
  series.values.forEach((value, index) => {
    const step = series.steps[index];
    if (value === null || !Number.isFinite(value)) return found.gaps.push(step);
    if (value <= 0) found.zeros.push(step);
    found.first ??= { step, value };
    found.last = { step, value };
  });
  return found;
}
