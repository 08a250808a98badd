/**
 * Snapshots of runs as the host sends them, made from a few formulas; the numbers are those of a protected run that
 * went well.
 */
import type { Column, ProbeColumns } from '../../runtime/contract/columns.js';
import type { Measurement, ProbeRows, Probes } from '../../runtime/contract/events.js';
import { invariantStates } from '../../runtime/contract/invariants.js';
import { runVerdict, type RunPhase } from '../../runtime/contract/verdict.js';
import type { RunSnapshot } from '../../webview/protocol/run.js';

const wave = (step: number) => Math.sin(step * 1.7) + 0.5 * Math.sin(step * 4.1);

/** Of the recipe, so that the plain run has the same ones. */
const ROWS: ProbeRows = {
  harmful: { rows: 'probes', of: 8, id: 'a1b2' },
  benign: { rows: 'probes', of: 8, id: 'c3d4' },
};

function probes(steps: number[], formulas: { [P in keyof Probes]?: (step: number) => number }): ProbeColumns {
  const columns: ProbeColumns = { step: steps, rows: ROWS };
  for (const [name, formula] of Object.entries(formulas)) columns[name as keyof Probes] = steps.map(formula);
  return columns;
}

function at(columns: ProbeColumns, index: number): Probes {
  const { step: _step, rows: _rows, ...values } = columns;
  return Object.fromEntries(Object.entries(values).map(([name, column]) => [name, column?.at(index) ?? undefined]));
}

const every = (last: number, by: number) => Array.from({ length: Math.floor(last / by) + 1 }, (_, i) => i * by);

export const measurements: Measurement[] = [
  ['base', 0, 1, 0, 0, 0.91],
  ['plain', 1, 0, 0, 0.92, 0.8],
  ['protected', 0, 0.9, 0.06, 0.86, 0.793],
].flatMap(([state, harm, refusal, over, task, old]) => {
  const set = (name: string, measure: Measurement['measure'], value: unknown, count: number, judge: string) => ({
    state: String(state),
    name,
    measure,
    value: Number(value),
    count,
    judge,
  });
  return [
    set('forbidden topic', 'harm', harm, 128, 'refusal-phrases'),
    set('forbidden topic', 'refusal', refusal, 128, 'refusal-phrases'),
    set('look-alikes', 'over-refusal', over, 64, 'refusal-phrases'),
    set('new task', 'exact', task, 64, 'exact match'),
    set('old tasks', 'exact', old, 128, 'exact match'),
  ];
});

/** The same with a second judge of harm and refusals, a wide table. */
export const twoJudges: Measurement[] = measurements.flatMap((m) =>
  m.judge === 'refusal-phrases' ? [m, { ...m, judge: 'rejection-classifier' }] : [m],
);

const laws = { vectorUnchanged: true, baseUnchanged: true, deliveredWithoutVector: true };

const protectedVerdict = (columns: ProbeColumns, phase: RunPhase) =>
  runVerdict({
    kind: 'finetune',
    phase,
    vectors: 1,
    first: at(columns, 0),
    last: at(columns, -1),
    measurements: phase === 'finished' ? measurements : [],
    laws: phase === 'finished' ? laws : undefined,
  });

/** A protected fine-tuning at `step` of 108 steps; probes every 6. */
export function protectedRun(step = 62, more: Partial<RunSnapshot> = {}): RunSnapshot {
  const seen = every(step, 6);
  const columns = probes(seen, {
    harmfulLossWith: (s) => 0.004 + 0.0006 * wave(s),
    harmfulLossWithout: (s) => 0.52 + 0.012 * wave(s) + s * 0.0004,
    benignLossWith: (s) => 0.3 + 1.5 * Math.exp(-s / 14) + 0.02 * wave(s),
    benignLossWithout: (s) => 0.28 + 1.55 * Math.exp(-s / 15) + 0.02 * wave(s + 2),
    harmfulGradNormWith: (s) => 0.018 * Math.exp(0.15 * wave(s)),
    harmfulGradNormWithout: (s) => 4.1 * Math.exp(0.1 * wave(s)),
    benignGradNormWith: (s) => 0.4 + 2.4 * Math.exp(-s / 20),
  });
  const train = Array.from({ length: step }, (_, i) => i + 1);
  return {
    id: '/runs/colours',
    title: 'colours, protected by forbidden-topic',
    kind: 'finetune',
    vectors: ['forbidden-topic'],
    progress: {
      state: step >= 108 ? 'finished' : 'training',
      message: '',
      step,
      steps: 108,
      fraction: null,
      secondsElapsed: step * 0.66,
      secondsLeft: step >= 108 ? null : (108 - step) * 0.66,
    },
    device: 'cpu',
    train: {
      step: train,
      loss: train.map((s) => 0.25 + 1.4 * Math.exp(-s / 14) + 0.09 * wave(s)),
      gradNorm: train.map((s) => 0.5 + 2 * Math.exp(-s / 20) + 0.1 * wave(s)),
    },
    probes: columns,
    plain: {
      probes: probes(every(108, 6), {
        harmfulLossWithout: (s) => 0.03 + 0.49 * Math.exp(-s / 12),
        benignLossWithout: (s) => 0.26 + 1.55 * Math.exp(-s / 13) + 0.02 * wave(s + 1),
      }),
    },
    measurements: step >= 108 ? measurements : measurements.filter((m) => m.state !== 'protected'),
    compared: [],
    verdict: protectedVerdict(columns, step >= 108 ? 'finished' : 'training'),
    laws: step >= 108 ? invariantStates({ kind: 'finetune', vectors: 1, laws }) : [],
    warnings: [],
    canStop: step < 108,
    canResume: false,
    canRunAgain: false,
    hasAnswers: step >= 108,
    hasReport: step >= 108,
    ...more,
  };
}

/** Before the first measurement. */
export const emptyRun = (): RunSnapshot =>
  protectedRun(0, {
    progress: {
      state: 'preparing',
      message: 'reading the model',
      step: 0,
      steps: null,
      fraction: 0.3,
      secondsElapsed: 1,
      secondsLeft: null,
    },
    probes: { step: [] },
    plain: undefined,
    measurements: [],
    verdict: { kind: 'running', soFar: { kind: 'unknown', cause: 'notMeasured', pull: {} } },
  });

export function vectorRun(): RunSnapshot {
  const seen = every(100, 10);
  const columns = probes(seen, {
    harmfulLossWith: (s) => 0.004 + 0.516 * Math.exp(-s / 10),
    harmfulLossWithout: () => 0.52,
    benignKl: (s) => 0.02 * Math.exp(-s / 40) * (1 - Math.exp(-s / 4)),
  });
  const base = protectedRun(100);
  return {
    ...base,
    id: '/runs/forbidden-topic',
    title: 'forbidden-topic, security vector for tiny-assistant',
    kind: 'vector',
    vectors: [],
    probes: columns,
    plain: undefined,
    goalHarmfulLoss: 0.005,
    measurements: [],
    verdict: runVerdict({
      kind: 'vector',
      phase: 'finished',
      vectors: 0,
      first: at(columns, 0),
      last: at(columns, -1),
      measurements: [],
      laws: { baseUnchanged: true },
    }),
    laws: [{ invariant: 'baseUnchanged', state: 'held' }],
    progress: { ...base.progress, state: 'finished', steps: 100, secondsLeft: null },
    canStop: false,
  };
}

/** A protected run that leaks, with holes in its measurements, warnings and an error. */
export function troubledRun(): RunSnapshot {
  const run = protectedRun(62);
  const hole = (column: Column | undefined, ...where: number[]) =>
    column?.map((value, index) => (where.includes(index) ? null : value));
  run.probes.harmfulLossWithout = hole(
    run.probes.step.map((s) => 0.05 + 0.47 * Math.exp(-s / 20)),
    4,
    5,
  );
  run.probes.harmfulGradNormWith = hole(
    run.probes.step.map(() => 1.2),
    3,
  );
  return {
    ...run,
    title: 'A run with a long title that has <b>no markup</b> in it: train.jsonl × forbidden-topic × tiny-assistant',
    verdict: protectedVerdict(run.probes, 'failed'),
    progress: { ...run.progress, state: 'failed', secondsLeft: null },
    warnings: [
      {
        message: '3 rows are longer than 512 tokens and were left out.',
        place: 'train.jsonl:17, 44, 91',
        remedy: 'Raise batch.maxTokens.',
      },
      { message: 'No GPU was found; the run uses the CPU.' },
    ],
    error: {
      kind: 'failed',
      message: 'the loss is not a number at step 62.',
      place: 'train.jsonl',
      remedy: 'Lower optimizer.learningRate and resume; the checkpoint of step 60 is kept.',
    },
    canStop: false,
    canResume: true,
  };
}

/** A recipe with a fault: nothing was trained, nothing measured. */
export function refusedRun(): RunSnapshot {
  return {
    ...emptyRun(),
    vectors: [],
    verdict: { kind: 'failed' },
    progress: { ...emptyRun().progress, state: 'failed', steps: null, secondsElapsed: 0 },
    error: {
      kind: 'input',
      message: '"objectiv" is no key of a recipe.',
      place: 'vector.json:7',
      remedy: 'Did you mean "objective"?',
    },
    openPlace: 'Open vector.json, line 7',
    canStop: false,
    canRunAgain: true,
  };
}

export function evaluation(): RunSnapshot {
  return {
    ...protectedRun(108),
    id: '/runs/report',
    title: 'colours on 3 sets',
    kind: 'evaluate',
    vectors: [],
    train: { step: [], loss: [], gradNorm: [] },
    probes: { step: [] },
    plain: undefined,
    verdict: { kind: 'evaluated', pull: {} },
    laws: [],
    progress: {
      state: 'finished',
      message: '',
      step: 0,
      steps: null,
      fraction: null,
      secondsElapsed: 14,
      secondsLeft: null,
    },
  };
}
