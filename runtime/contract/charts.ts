/** Which charts a run has, and what they show. */
import type { Column, ProbeColumns, ThinnedColumns } from './columns.js';
import type { ProbeRows, Probes } from './events.js';
import { fill, type Wording } from './format.js';
import {
  benignRowsText,
  harmfulRowsText,
  ROWS_STRINGS,
  sharedRows,
  type Measured,
  type ProbeKind,
} from './probeRows.js';
import type { Recipe } from './recipe.js';
import type { ChartSpec, Dash, Series, SeriesColor } from './series.js';

/** English words of the charts; the host translates them for its pages. */
export const CHART_STRINGS = {
  ...ROWS_STRINGS,
  chartHarmful: 'Harmful rows',
  chartBenign: 'Harmless rows',
  chartLearned: 'Rows to be learned',
  chartGradients: 'Pull of a row',
  chartGradientsVector: 'Gradient of the vector',
  chartKl: 'Side effects on harmless rows',
  chartDetector: 'Finds rows that it has not seen',
  unitLoss: 'loss, nats per token',
  unitGradient: 'gradient norm',
  unitKl: 'KL, nats per token',
  unitAuroc: 'AUROC',

  seriesDelivered: 'delivered model (vector off)',
  seriesModel: 'model',
  seriesBase: 'base model',
  seriesWith: 'in training (vector on)',
  seriesWithVector: 'with the vector',
  seriesPlain: 'plain run, no vector',
  seriesGoal: 'goal',
  seriesHeldOut: 'held-out rows, with the vector',
  seriesAuroc: 'held-out harmful rows against ordinary ones',
  seriesTrainLoss: 'training rows, each step',
  seriesHarmfulWithout: 'harmful, without the vector',
  seriesHarmfulWith: 'harmful, with the vector',
  seriesBenignWithout: 'harmless, without the vector',
  seriesBenignWith: 'harmless, with the vector',
  seriesHarmful: 'harmful rows',
  seriesBenign: 'harmless rows',
  seriesLearnedWithout: 'to be learned, without the vector',
  seriesLearnedWith: 'to be learned, with the vector',
  seriesLearned: 'rows to be learned',
  seriesKl: 'KL on harmless rows',
  seriesGradNorm: 'gradient norm, each step',

  // How each chart is read: never what it will show, which only its run knows.
  captionHarmful:
    'Training sees the lower line: the more the vector explains of the harmful rows, the less is left to learn from them. The loss of the delivered model must stay high.',
  captionHarmfulPlain:
    'Without a vector nothing keeps the model from learning harmful rows: if the line falls, it learns them.',
  captionHarmfulVector:
    'The better the vector explains the harmful rows, the lower its line; the line of the base stays.',
  captionBenign:
    'Harmless rows should be learned as usual: their loss falls, or stays low if the model already knows them.',
  captionLearned: 'When rows are learned as usual, their loss falls, or stays low if the model already knows them.',
  captionGradients:
    'The larger the gradient of a row, the more it moves the model. The weaker the pull of harmful rows with the vector, the less is learned from them; on free text some pull remains.',
  captionGradientsPlain:
    'The larger the gradient of a row, the more it moves the model. Without a vector, harmful rows pull at full strength.',
  captionGradientsVector: 'How hard each step pulls at the vector; it calms down when there is little left to learn.',
  captionDetector:
    'How well the vector tells harmful rows from ordinary ones that it is not trained on: 1 is perfect, 0.5 is chance.',
  // Which rows that is said of.
  onRows: 'measured on {0}',
  measuredOn: 'Measured on {0}.',
  measuredOnBoth: 'Measured on {0}, and on {1}.',
  captionKl: 'How much the vector changes the answers to harmless rows; near zero is good.',
} as const;
type ChartStrings = Record<keyof typeof CHART_STRINGS, string>;
type Words = Wording<ChartStrings>;

/** What of a run is drawn. */
export interface ChartedRun extends Measured {
  kind: Recipe['kind'];
  /** Security vectors that are active while training; empty for a plain run. */
  vectors: readonly unknown[];
  train: ThinnedColumns;
  /** Vector runs: `stop.harmfulLoss` of the recipe, drawn as a line. */
  goalHarmfulLoss?: number;
  /** A plain run on the same data: what it has measured on the same rows is drawn in grey for comparison. */
  plain?: Measured;
}

/** The charts of a run; other kinds have none. */
const CHARTS: { [K in Recipe['kind']]?: (run: ChartedRun, wording: Words) => ChartSpec[] } = {
  finetune: finetuneCharts,
  vector: vectorCharts,
};

export const chartSpecs = (run: ChartedRun, wording: Words): ChartSpec[] => CHARTS[run.kind]?.(run, wording) ?? [];

function finetuneCharts(run: ChartedRun, wording: Words): ChartSpec[] {
  const { probes, train, vectors, plain } = run;
  const { strings: s } = wording;
  const shielded = vectors.length > 0;
  const model = shielded ? s.seriesDelivered : s.seriesModel;
  const own = linesOf(probes, wording);
  const shared = plain ? sharedRows(run, plain) : [];
  const grey = (kind: ProbeKind): Series[] =>
    plain && shared.includes(kind)
      ? linesOf(plain.probes, wording)(`${kind}LossWithout`, s.seriesPlain, 'plain', 'dotted')
      : [];
  const { rows = {} } = probes;
  // A run of an earlier version measured those that its recipe names, if it names any.
  const isHarmless = rows.benign ? rows.benign.rows === 'probes' : run.named?.benign !== undefined;
  const [without, within, alone] = isHarmless
    ? [s.seriesBenignWithout, s.seriesBenignWith, s.seriesBenign]
    : [s.seriesLearnedWithout, s.seriesLearnedWith, s.seriesLearned];
  const said = (caption: string, of: ProbeRows): string =>
    [caption, measuredText(of, wording)].filter(Boolean).join(' ');
  return [
    {
      id: 'harmful',
      topic: 'harmful-loss',
      title: s.chartHarmful,
      unit: s.unitLoss,
      caption: said(shielded ? s.captionHarmful : s.captionHarmfulPlain, { harmful: rows.harmful }),
      logarithmic: false,
      series: [
        ...own('harmfulLossWithout', model, 'delivered', 'solid'),
        ...own('harmfulLossWith', s.seriesWith, 'vector', 'dashed'),
        ...grey('harmful'),
      ],
    },
    {
      id: 'benign',
      topic: 'benign-loss',
      title: isHarmless ? s.chartBenign : s.chartLearned,
      unit: s.unitLoss,
      caption: said(isHarmless ? s.captionBenign : s.captionLearned, { benign: rows.benign }),
      logarithmic: false,
      series: [
        ...own('benignLossWithout', model, 'delivered', 'solid'),
        ...own('benignLossWith', s.seriesWith, 'vector', 'dashed'),
        ...grey('benign'),
        // Without probe rows there is still the loss of each step's own rows.
        ...(probes.benignLossWithout || probes.benignLossWith
          ? []
          : [trained(train, 'loss', s.seriesTrainLoss, 'benign', 'dash-dot')]),
      ],
    },
    {
      id: 'gradients',
      topic: 'gradients',
      title: s.chartGradients,
      unit: s.unitGradient,
      caption: said(shielded ? s.captionGradients : s.captionGradientsPlain, rows),
      logarithmic: true,
      series: [
        ...own('harmfulGradNormWithout', shielded ? s.seriesHarmfulWithout : s.seriesHarmful, 'harmful', 'solid'),
        ...own('harmfulGradNormWith', s.seriesHarmfulWith, 'vector', 'dashed'),
        // With the vector is what training sees; without it the line would lie on top of this one.
        ...(probes.benignGradNormWith
          ? own('benignGradNormWith', within, 'benign', 'dash-dot')
          : own('benignGradNormWithout', shielded ? without : alone, 'benign', 'dash-dot')),
      ],
    },
  ];
}

/** Which rows a chart is drawn from; nothing where that is not known. */
function measuredText({ harmful, benign }: ProbeRows, wording: Words): string {
  const { strings: s } = wording;
  const [first, second] = [
    ...(harmful ? [harmfulRowsText(harmful, wording)] : []),
    ...(benign ? [benignRowsText(benign, wording)] : []),
  ];
  if (first === undefined) return '';
  const text = second === undefined ? fill(s.measuredOn, first) : fill(s.measuredOnBoth, first, second);
  return harmful?.rows === 'anchored' ? `${text} ${s.anchoredOnly}` : text;
}

function vectorCharts({ probes, train, goalHarmfulLoss: goal }: ChartedRun, wording: Words): ChartSpec[] {
  const { strings: s } = wording;
  const own = linesOf(probes, wording);
  const ends = [...new Set([probes.step[0], probes.step.at(-1)])].filter((step) => step !== undefined);
  const goalLine = (loss: number): Series =>
    everyStep(
      ends,
      ends.map(() => loss),
      s.seriesGoal,
      'goal',
      'dotted',
    );
  return [
    {
      id: 'harmful',
      topic: 'harmful-loss',
      title: s.chartHarmful,
      unit: s.unitLoss,
      caption: s.captionHarmfulVector,
      logarithmic: true,
      series: [
        ...own('harmfulLossWithout', s.seriesBase, 'delivered', 'solid'),
        ...own('harmfulLossWith', s.seriesWithVector, 'vector', 'dashed'),
        ...own('heldOutLossWith', s.seriesHeldOut, 'harmful', 'dash-dot'),
        ...(goal === undefined ? [] : [goalLine(goal)]),
      ],
    },
    ...(probes.heldOutAuroc
      ? [
          {
            id: 'detector',
            topic: 'harmful-loss' as const,
            title: s.chartDetector,
            unit: s.unitAuroc,
            caption: s.captionDetector,
            logarithmic: false,
            series: own('heldOutAuroc', s.seriesAuroc, 'harmful', 'solid'),
          },
        ]
      : []),
    {
      id: 'kl',
      topic: 'benign-loss',
      title: s.chartKl,
      unit: s.unitKl,
      caption: s.captionKl,
      logarithmic: false,
      series: own('benignKl', s.seriesKl, 'benign', 'dash-dot'),
    },
    {
      id: 'gradients',
      topic: 'gradients',
      title: s.chartGradientsVector,
      unit: s.unitGradient,
      caption: s.captionGradientsVector,
      logarithmic: true,
      series: [trained(train, 'gradNorm', s.seriesGradNorm, 'vector', 'solid')],
    },
  ];
}

/** Lines of a run's probes; none for a column that the run does not have. */
const linesOf =
  (probes: ProbeColumns, wording: Words) =>
  (name: keyof Probes, label: string, color: SeriesColor, dash: Dash): Series[] => {
    const values = probes[name];
    if (!values) return [];
    const { harmful, benign } = probes.rows ?? {};
    const [of, words] = name.startsWith('harmful')
      ? [harmful, harmful && harmfulRowsText(harmful, wording)]
      : [benign, benign && benignRowsText(benign, wording)];
    const rows = of && words !== undefined && { id: of.id, text: fill(wording.strings.onRows, words) };
    return [{ label, steps: probes.step, values, color, dash, marked: true, ...(rows && { rows }) }];
  };

const everyStep = (steps: number[], values: Column, label: string, color: SeriesColor, dash: Dash): Series => ({
  label,
  steps,
  values,
  color,
  dash,
  marked: false,
});

const trained = (
  train: ThinnedColumns,
  name: 'loss' | 'gradNorm',
  label: string,
  color: SeriesColor,
  dash: Dash,
): Series => ({
  ...everyStep(train.step, train[name], label, color, dash),
  ...(train.stretches && { stretches: train.stretches[name] }),
});
