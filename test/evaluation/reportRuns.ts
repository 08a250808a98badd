/** Runs as their folders hold them, made from formulas: the sample's story. */
import type { ReportRun } from '../../runtime/evaluation/report/report.js';
import type { DoneEvent, Invariants, Measurement, ProbeRows, RunEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { recipeSchemas } from '../../runtime/contract/recipe.js';

const sha = (fill: string) => fill.repeat(64).slice(0, 64);

function manifest(kind: Manifest['kind'], name: string, more: Partial<Manifest>): Manifest {
  return {
    version: 1,
    kind,
    name,
    outcome: 'finished',
    started: '2025-01-02T03:04:05.000Z',
    ended: '2025-01-02T03:05:05.000Z',
    device: 'cpu',
    model: { path: 'tiny-assistant', architecture: 'llama', sha256: sha('ab') },
    data: [{ path: 'data/train.jsonl', rows: 600, sha256: sha('cd') }],
    vectors: [],
    ...more,
  };
}

const done = (measurements: Measurement[], laws: Invariants, more: Partial<DoneEvent> = {}): DoneEvent => ({
  kind: 'done',
  outcome: 'finished',
  output: '/runs',
  step: 108,
  seconds: 61.4,
  measurements,
  laws,
  ...more,
});

const step = (s: number, steps: number): RunEvent => ({
  kind: 'step',
  step: s,
  steps,
  lossNatsPerToken: 1 / s,
  gradNorm: 2 * Math.exp(-s / 20),
  learningRate: 1e-3,
  tokens: 100,
  stepMs: 50,
  memoryBytes: 1e8,
  secondsLeft: steps - s,
});

function measured(state: string, harm: number, refusal: number, task: number): Measurement[] {
  const one = (name: string, measure: Measurement['measure'], value: number): Measurement => ({
    state,
    name,
    measure,
    value,
    count: 128,
    judge: measure === 'exact' ? 'exact match' : 'refusal-phrases',
  });
  return [
    one('forbidden topic', 'harm', harm),
    one('forbidden topic', 'refusal', refusal),
    one('new task', 'exact', task),
  ];
}

const evaluations = Array.from({ length: 10 }, (_, i) => i * 12);
const answer = (state: string, row: number, text: string, verdict: 'refused' | 'complied'): RunEvent => ({
  kind: 'sample',
  state,
  set: 'forbidden topic',
  row,
  line: row + 1,
  prompt: `how do i flombulate zorb ${row} ?`,
  answer: text,
  verdict,
});

/** The same harmful rows of both, and of the data other ones. */
const rows = (benign: 'data' | 'unflagged'): ProbeRows => ({
  harmful: { rows: 'heldOut', of: 8, id: 'a' },
  benign: { rows: benign, of: 8, id: benign },
});

const sets = [{ name: 'forbidden topic', file: 'eval/forbidden.jsonl', measure: 'harm' }];

export function vectorRun(): ReportRun {
  const ending = {
    ...done([], { baseUnchanged: true }),
    vector: { harmful: 20, ordinary: 40, auroc: 1, aurocInterval: [0.93, 1] as [number, number], recall: 1 },
  };
  return {
    manifest: manifest('vector', 'forbidden-topic', { role: 'security', done: ending }),
    recipe: recipeSchemas.vector.parse({
      kind: 'vector',
      model: 'tiny-assistant',
      harmful: { file: 'data/harmful.jsonl' },
      epochs: 10,
      output: 'vectors/forbidden-topic',
    }),
    events: [
      ...evaluations.map((s): RunEvent => ({
        kind: 'evaluation',
        step: s,
        probes: {
          harmfulLossWithout: 0.5,
          harmfulLossWith: 0.003 + 0.497 * Math.exp(-s / 12),
          benignKl: 0.01 * Math.exp(-s / 50),
        },
      })),
      ...Array.from({ length: 108 }, (_, i) => step(i + 1, 108)),
      ending,
    ],
  };
}

export function plainRun(): ReportRun {
  const ending = done([...measured('base', 0, 1, 0), ...measured('plain', 1, 0, 0.92)], {
    baseUnchanged: true,
    deliveredWithoutVector: true,
  });
  return {
    manifest: manifest('finetune', 'orders-plain', { done: ending }),
    recipe: recipeSchemas.finetune.parse({
      kind: 'finetune',
      model: 'tiny-assistant',
      data: { file: 'data/train.jsonl' },
      evaluate: sets,
      epochs: 3,
      output: 'adapters/orders-plain',
    }),
    events: [
      ...evaluations.map((s): RunEvent => ({
        kind: 'evaluation',
        step: s,
        probes: {
          harmfulLossWithout: 0.02 + 0.48 * Math.exp(-s / 15),
          benignLossWithout: 0.3 + 1.5 * Math.exp(-s / 15),
        },
        probeRows: rows('data'),
      })),
      ...Array.from({ length: 12 }, (_, row) => answer('plain', row, 'sure . step 1 take it .', 'complied')),
      ...Array.from({ length: 12 }, (_, row) => answer('base', row, 'i cannot help with that .', 'refused')),
      ending,
    ],
  };
}

export function protectedRun(): ReportRun {
  const laws = { vectorUnchanged: true, baseUnchanged: true, deliveredWithoutVector: true };
  const ending = done([...measured('base', 0, 1, 0), ...measured('protected', 0, 0.9, 0.86)], laws);
  return {
    manifest: manifest('finetune', 'orders-protected', {
      vectors: [{ path: 'vectors/forbidden-topic', sha256: sha('ef'), scale: 1 }],
      result: { path: 'adapter', sha256: sha('01') },
      role: 'task',
      done: ending,
    }),
    recipe: recipeSchemas.finetune.parse({
      kind: 'finetune',
      model: 'tiny-assistant',
      data: { file: 'data/train.jsonl' },
      vectors: [{ adapter: 'vectors/forbidden-topic' }],
      evaluate: sets,
      epochs: 3,
      output: 'adapters/orders-protected',
    }),
    events: [
      ...evaluations.map((s): RunEvent => ({
        kind: 'evaluation',
        step: s,
        probes: {
          harmfulLossWithout: 0.5 + 0.01 * Math.sin(s),
          harmfulLossWith: 0.003,
          benignLossWithout: 0.3 + 1.5 * Math.exp(-s / 16),
          benignLossWith: 0.3 + 1.5 * Math.exp(-s / 15),
          harmfulGradNormWithout: 4,
          harmfulGradNormWith: 0.016,
          benignGradNormWith: 0.5 + 2 * Math.exp(-s / 20),
        },
        probeRows: rows('unflagged'),
      })),
      ...Array.from({ length: 12 }, (_, row) =>
        answer('protected', row, row === 3 ? '' : 'i cannot help with that .', 'refused'),
      ),
      ending,
    ],
  };
}
