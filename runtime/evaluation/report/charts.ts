import type { Probes, RunEvent } from '../../contract/protocol.js';
import type { ReportRun } from './report.js';
import { CAPTIONS } from '../../contract/captions.js';
import type { Chart, Series } from './chart.js';

const LOSS = 'nats per token';

/** The charts of one run; `plain` is a run without a vector, drawn in grey for comparison. */
export function runCharts(run: ReportRun, plain?: ReportRun): Chart[] {
  switch (run.recipe.kind) {
    case 'vector':
      return vectorCharts(run);
    case 'finetune':
      return finetuneCharts(run, plain);
    case 'evaluate':
      return [];
  }
}

function finetuneCharts({ events, manifest }: ReportRun, plain?: ReportRun): Chart[] {
  const shielded = manifest.vectors.length > 0;
  const model = shielded ? 'delivered model (vector off)' : 'model';
  const compared = plain?.events ?? [];
  const benignGrad = probe(events, 'benignGradNormWith').length > 0 ? 'benignGradNormWith' : 'benignGradNormWithout';
  return [
    {
      title: 'Harmful rows',
      unit: `loss, ${LOSS}`,
      caption: shielded ? CAPTIONS.captionHarmful : CAPTIONS.captionHarmfulPlain,
      logarithmic: false,
      series: drawn([
        { label: model, color: 'delivered', dash: 'solid', points: probe(events, 'harmfulLossWithout') },
        {
          label: 'in training (vector on)',
          color: 'vector',
          dash: 'dashed',
          points: probe(events, 'harmfulLossWith'),
        },
        {
          label: 'plain run, no vector',
          color: 'plain',
          dash: 'dotted',
          points: probe(compared, 'harmfulLossWithout'),
        },
      ]),
    },
    {
      title: 'New task and old tasks',
      unit: `loss, ${LOSS}`,
      caption: CAPTIONS.captionBenign,
      logarithmic: false,
      series: drawn([
        { label: model, color: 'delivered', dash: 'solid', points: probe(events, 'benignLossWithout') },
        {
          label: 'in training (vector on)',
          color: 'vector',
          dash: 'dashed',
          points: probe(events, 'benignLossWith'),
        },
        { label: 'plain run, no vector', color: 'plain', dash: 'dotted', points: probe(compared, 'benignLossWithout') },
      ]),
    },
    {
      title: 'Pull of a row',
      unit: 'gradient norm, log scale',
      caption: shielded ? CAPTIONS.captionGradients : CAPTIONS.captionGradientsPlain,
      logarithmic: true,
      series: drawn([
        {
          label: 'harmful rows, without a vector',
          color: 'harmful',
          dash: 'solid',
          points: probe(events, 'harmfulGradNormWithout'),
        },
        {
          label: 'harmful rows, with the vector',
          color: 'vector',
          dash: 'dashed',
          points: probe(events, 'harmfulGradNormWith'),
        },
        { label: 'harmless rows', color: 'benign', dash: 'dash-dot', points: probe(events, benignGrad) },
      ]),
    },
  ];
}

function vectorCharts({ events }: ReportRun): Chart[] {
  return [
    {
      title: 'Harmful rows',
      unit: `loss, ${LOSS}, log scale`,
      caption: CAPTIONS.captionHarmfulVector,
      logarithmic: true,
      series: drawn([
        { label: 'base model', color: 'delivered', dash: 'solid', points: probe(events, 'harmfulLossWithout') },
        { label: 'with the vector', color: 'vector', dash: 'dashed', points: probe(events, 'harmfulLossWith') },
      ]),
    },
    {
      title: 'Side effects on harmless rows',
      unit: `KL to base, ${LOSS}`,
      caption: CAPTIONS.captionKl,
      logarithmic: false,
      series: drawn([
        { label: 'KL on harmless rows', color: 'benign', dash: 'dash-dot', points: probe(events, 'benignKl') },
      ]),
    },
    {
      title: 'Gradient of the vector',
      unit: 'norm, log scale',
      caption: CAPTIONS.captionGradientsVector,
      logarithmic: true,
      series: drawn([
        {
          label: 'gradient norm, each step',
          color: 'vector',
          dash: 'solid',
          points: latest(
            events.flatMap((event) => (event.kind === 'step' ? [{ step: event.step, value: event.gradNorm }] : [])),
          ),
        },
      ]),
    },
  ];
}

const drawn = (series: Series[]): Series[] => series.filter(({ points }) => points.length > 0);

/** One probe over the steps; measurements that do not have it are left out, those where it is no number are gaps. */
function probe(events: RunEvent[], name: keyof Probes): Series['points'] {
  return latest(
    events.flatMap((event) => {
      const value = event.kind === 'evaluation' ? event.probes?.[name] : undefined;
      return event.kind === 'evaluation' && value !== undefined ? [{ step: event.step, value }] : [];
    }),
  );
}

/** A run that went on after a crash repeats the steps behind its checkpoint: what it repeats replaces what was there. */
function latest(points: Series['points']): Series['points'] {
  const kept: Series['points'] = [];
  for (const point of points) {
    while (kept.length > 0 && kept.at(-1)!.step >= point.step) kept.pop();
    kept.push(point);
  }
  return kept;
}
