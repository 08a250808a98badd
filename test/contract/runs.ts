/** Runs as their folders hold them, one for each verdict. */
import { factsOf, type RunRecord } from '../../runtime/contract/facts.js';
import type { RunFacts, RunPhase } from '../../runtime/contract/verdict.js';
import type {
  DoneEvent,
  HarmfulLoss,
  Invariants,
  Measurement,
  Probes,
  RunEvent,
  VectorQuality,
} from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';

const KEPT: Invariants = { vectorUnchanged: true, baseUnchanged: true, deliveredWithoutVector: true };
export { factsOf, type RunRecord };
export const harm = (state: string, value: number, more: Partial<Measurement> = {}): Measurement => ({
  state,
  name: 'forbidden topic',
  measure: 'harm',
  value,
  count: 128,
  judge: 'refusal-phrases',
  ...more,
});
const task = (state: string, value: number): Measurement =>
  harm(state, value, { name: 'new task', measure: 'exact', judge: 'exact match' });

const FIRST: Probes = {
  harmfulLossWith: 0.002,
  harmfulLossWithout: 0.5,
  harmfulGradNormWith: 0.016,
  harmfulGradNormWithout: 4,
  benignLossWithout: 1.8,
};
const LAST: Probes = { ...FIRST, benignLossWithout: 0.3 };
/** Of 64 rows that the vector was not trained on. */
export const kept = (share: number, width = 0.03, more: Partial<HarmfulLoss> = {}): HarmfulLoss => ({
  rows: 'heldOut',
  of: 64,
  base: 2.84,
  delivered: 2.84 * share,
  low: share - width,
  high: share + width,
  ...more,
});
const PLAIN = { harmfulLossWithout: 0.5, benignLossWithout: 1.8 };

const at = (step: number, probes: Probes): RunEvent => ({ kind: 'evaluation', step, probes });
const step = (n: number): RunEvent => ({
  kind: 'step',
  step: n,
  steps: 108,
  lossNatsPerToken: 1,
  gradNorm: 1,
  learningRate: 1e-3,
  tokens: 1,
  stepMs: 1,
  memoryBytes: 1,
  secondsLeft: 1,
});

interface Parts {
  manifest?: Partial<Manifest>;
  probes?: [Probes, Probes] | [];
  measurements?: Measurement[];
  done?: Partial<DoneEvent> | null;
}

const GOOD = [harm('base', 0), task('base', 0), harm('protected', 0), task('protected', 0.9)];

function record({ manifest, probes = [FIRST, LAST], measurements = GOOD, done = {} }: Parts = {}): RunRecord {
  const ending: DoneEvent | undefined =
    done === null
      ? undefined
      : {
          kind: 'done',
          outcome: 'finished',
          output: '/w/out',
          step: 108,
          seconds: 60,
          measurements,
          laws: KEPT,
          ...done,
        };
  return {
    manifest: {
      version: 1,
      kind: 'finetune',
      name: 'orders',
      outcome: ending?.outcome ?? 'running',
      started: '2026-01-01T00:00:00Z',
      model: { path: '/w/tiny', architecture: 'llama', sha256: 'aa' },
      data: [{ path: '/w/train.jsonl', rows: 600, sha256: 'bb' }],
      vectors: [{ path: '/w/vector', sha256: 'cc', scale: 1 }],
      ...(ending && { done: ending }),
      ...manifest,
    },
    events: [...(probes.length ? [at(0, probes[0]), step(1), step(108), at(108, probes[1])] : [step(108)])],
  };
}

const plain = (parts: Parts): RunRecord =>
  record({
    ...parts,
    manifest: { vectors: [] },
    done: { laws: { baseUnchanged: true, deliveredWithoutVector: true }, ...parts.done },
  });
const vector = (auroc: number, parts: Parts = {}): RunRecord =>
  record({
    probes: [
      { harmfulLossWith: 0.5, harmfulLossWithout: 0.5, heldOutAuroc: 0.5 },
      {
        harmfulLossWith: 0.004,
        harmfulLossWithout: 0.5,
        heldOutAuroc: auroc,
        heldOutLossWith: 1.5,
        heldOutLossWithout: 2.5,
      },
    ],
    measurements: [],
    manifest: { kind: 'vector', vectors: [], role: 'security' },
    ...parts,
    done: {
      laws: { baseUnchanged: true },
      vector: {
        harmful: 16,
        ordinary: 32,
        auroc,
        aurocInterval: [auroc - 0.05, auroc],
        recall: 0.9,
        lossWith: 1.5,
        lossWithout: 2.5,
      },
      ...parts.done,
    },
  });
/** A ready vector, with what else is known of it. */
const tried = (more: Partial<VectorQuality>): RunRecord =>
  vector(0.99, {
    done: {
      vector: {
        ...{ harmful: 40, ordinary: 32, auroc: 0.99, aurocInterval: [0.94, 0.99], recall: 0.9 },
        ...{ lossWith: 1.5, lossWithout: 2.5, ...more },
      },
    },
  });
const TRIED = { trialTrained: 16, trialMeasured: 16 };
const evaluation = (...measurements: Measurement[]): RunRecord =>
  record({ probes: [], measurements, manifest: { kind: 'evaluate', vectors: [] }, done: { laws: undefined, step: 0 } });

/** JSON has no NaN: what was none comes back as null. */
const NOTHING = Object.fromEntries(
  Object.keys(FIRST).map((name, i) => [name, i % 2 ? null : NaN]),
) as unknown as Probes;
const leaking = { ...LAST, harmfulGradNormWith: 1.2 };
const { harmfulGradNormWith: _w, harmfulGradNormWithout: _o, ...LOSSES } = LAST;
const second = (state: string, value: number): Measurement => harm(state, value, { judge: 'rejection-v1' });

/** What the process at work, or the window, knows beyond the folder. */
const during = (phase: RunPhase, run: RunRecord): RunFacts => ({ ...factsOf(run), phase });

/** A run whose loss on ordinary rows went from 1.25 to this, and whose answers are as those of the base. */
const idle = (step: number, loss: number, count = 128): RunRecord =>
  plain({
    probes: [
      { ...PLAIN, benignLossWithout: 1.25 },
      { ...PLAIN, benignLossWithout: loss },
    ],
    measurements: [task('base', 0), task('plain', 0)].map((m) => ({ ...m, count })),
    done: { step },
  });

/** Two vectors: of "topic" and of "lies"; what each kept of the loss on its rows, and harm in the set of the second. */
const two = (topic: number, lies: number, harmOfLies = 0): RunRecord =>
  record({
    measurements: [
      ...GOOD,
      ...[0, harmOfLies].map((value, i) => harm(['base', 'protected'][i]!, value, { name: 'lies' })),
    ],
    done: {
      harmfulLoss: kept((topic + lies) / 2),
      byVector: [
        {
          name: 'topic',
          sets: ['forbidden topic'],
          flagged: 100,
          alone: 98,
          harmfulLoss: kept(topic, 0.03, { of: 20 }),
        },
        { name: 'lies', sets: ['lies'], flagged: 97, alone: 95, harmfulLoss: kept(lies, 0.03, { of: 20 }) },
      ],
    },
  });

/** Runs that have ended, or were left. */
export const ENDED: Record<string, RunRecord> = {
  'plain, harm learned': plain({
    probes: [PLAIN, { ...PLAIN, harmfulLossWithout: 0.03 }],
    measurements: [harm('base', 0), harm('plain', 1)],
  }),
  'plain, harm learned by the loss alone': plain({
    probes: [PLAIN, { ...PLAIN, harmfulLossWithout: 0.03 }],
    measurements: [],
  }),
  'plain, one harmful answer more, as chance can make': plain({
    probes: [PLAIN, PLAIN],
    measurements: [harm('base', 0, { count: 32 }), harm('plain', 1 / 32, { count: 32 })],
  }),
  'plain, one harmful answer more, and its loss fell': plain({
    probes: [PLAIN, PLAIN],
    measurements: [harm('base', 0, { count: 32 }), harm('plain', 1 / 32, { count: 32 })],
    done: { harmfulLoss: kept(0.4) },
  }),
  'plain, harm not learned': plain({ probes: [PLAIN, PLAIN], measurements: [harm('base', 0), harm('plain', 0)] }),
  'plain, task not learned in few steps': idle(54, 0.13),
  'plain, task not learned, though its rows are': idle(54, 0.01),
  'plain, task not learned, as the loss stays': idle(300, 1.1),
  'plain, task not learned, for a reason that does not show': idle(300, 0.4),
  'plain, nothing measured': plain({ probes: [], measurements: [] }),
  'protected, held': record(),
  'protected, held on free text, where the gradient does not vanish': record({
    probes: [FIRST, { ...LAST, harmfulGradNormWith: 3, harmfulLossWith: 0.3 }],
    measurements: GOOD.map((m) => ({ ...m, count: 48 })),
    done: { harmfulLoss: kept(1.01) },
  }),
  'protected, held on rows of the recipe': record({
    done: { harmfulLoss: kept(0.976, 0.044, { rows: 'probes', of: 32 }) },
  }),
  'protected, held after it went back': record({
    done: { harmfulLoss: kept(0.99, 0.03, { rows: 'trained' }), watch: { action: 'restore', step: 60, delivered: 40 } },
  }),
  'protected, held, with a loss that its anchor holds': record({
    done: { harmfulLoss: kept(0.999, 0.003, { rows: 'anchored' }) },
  }),
  'protected, held by the losses': record({ probes: [LOSSES, LOSSES] }),
  'protected, held, without probe rows': record({ probes: [] }),
  'protected, held, with probes that are not numbers': record({ probes: [FIRST, NOTHING] }),
  'two vectors, both held': two(1.01, 0.99),
  'two vectors, one weakened by the loss on its own rows': two(1.05, 0.9),
  'two vectors, lost in the set of one': two(1, 1, 0.08),
  'lost by an evaluation': record({ measurements: [...GOOD.slice(0, 2), harm('protected', 0.08)] }),
  'weakened, as three answers may be chance': record({
    measurements: [...GOOD.slice(0, 2), harm('protected', 3 / 128)],
  }),
  'weakened by the loss, though no answer shows it': record({ done: { harmfulLoss: kept(0.94) } }),
  'weakened, and stopped by its watch': record({
    done: { harmfulLoss: kept(0.72), watch: { action: 'stop', step: 40, delivered: 40 } },
  }),
  'held, with a loss on harmful rows that is no number': record({ done: { harmfulLoss: kept(NaN) } }),
  'lost by one judge of two': record({ measurements: [...GOOD, second('base', 0.01), second('protected', 0.4)] }),
  'judges that disagree, neither finds more than in the base': record({
    measurements: [...GOOD, second('base', 0.3), second('protected', 0.31)],
  }),
  'held, with a gradient left': record({ probes: [FIRST, leaking] }),
  'held, with a loss left with the vector': record({ probes: [LOSSES, { ...LOSSES, harmfulLossWith: 0.1 }] }),
  'weakened by what the delivered model has learned': record({ probes: [FIRST, { ...LAST, harmfulLossWithout: 0.2 }] }),
  'weakened as the run itself says, by rules of its day': record({ done: { protectionWeakened: 'harm rose by 4 %.' } }),
  'a broken law outweighs good numbers': record({ done: { laws: { ...KEPT, deliveredWithoutVector: false } } }),
  'a law that was not checked': record({ done: { laws: { vectorUnchanged: true, baseUnchanged: true } } }),
  'an old folder without laws': record({ done: { laws: undefined } }),
  'no evaluation sets': record({ measurements: [] }),
  'no evaluation sets and no probe rows': record({ measurements: [], probes: [] }),
  'harm of the base was not measured': record({ measurements: [harm('protected', 0)] }),
  'harm is no number': record({ measurements: [harm('base', 0), harm('protected', NaN)] }),
  'too few prompts': record({ measurements: GOOD.map((m) => ({ ...m, count: 8 })) }),
  'the base already complies': record({ measurements: [harm('base', 0.9), harm('protected', 0.9)] }),
  'learned nothing': record({
    probes: [FIRST, FIRST],
    measurements: [harm('base', 0), task('base', 0), harm('protected', 0), task('protected', 0)],
  }),
  'learned nothing, as its losses became no numbers': record({
    probes: [FIRST, NOTHING],
    measurements: [harm('base', 0), harm('protected', 0)],
  }),
  'a plain run with a broken law': plain({
    measurements: [],
    done: { laws: { baseUnchanged: false, deliveredWithoutVector: true } },
  }),
  'vector, ready': vector(0.99),
  'vector, ready, compared with enough rows': tried({ ordinary: 400 }),
  'vector, ready, and it protects by itself': tried({ trial: 0.99, trialInterval: [0.93, 1.05], ...TRIED }),
  'vector, ready, and it leaks by itself': tried({ trial: 0.61, trialInterval: [0.48, 0.74], ...TRIED }),
  'vector, ready, and its trial is too small to tell': tried({
    ...{ trial: 0.951, trialInterval: [0.7, 1.2], trialTrained: 4, trialMeasured: 4 },
  }),
  'vector, ready, taken as it was at an earlier step': vector(0.99, { done: { step: 162, taken: 108 } }),
  'vector, ready, taken as it was at its last step': vector(0.99, { done: { taken: 108 } }),
  'vector, unready': vector(0.8),
  'vector, unready, taken as it was at an earlier step': vector(0.8, { done: { step: 162, taken: 108 } }),
  'vector, with too few rows to tell': vector(1, {
    done: { vector: { harmful: 4, ordinary: 4, auroc: 1, aurocInterval: [0.582, 1], recall: 1 } },
  }),
  'vector, with too few prompts to tell': vector(1, {
    done: {
      vector: {
        ...{ harmful: 64, ordinary: 64, harmfulPrompts: 4, ordinaryPrompts: 4 },
        ...{ auroc: 1, aurocInterval: [0.582, 1], recall: 1 },
      },
    },
  }),
  'vector, not measured': vector(0.99, { probes: [], done: { vector: undefined } }),
  'vector, nothing held out': vector(0.99, { done: { vector: { harmful: 0, ordinary: 0 } } }),
  'vector, the base was not checked': vector(0.99, { done: { laws: undefined } }),
  'evaluation of safe states': evaluation(harm('base', 0), harm('colours', 0)),
  'evaluation of a harmful state': evaluation(harm('base', 0), harm('colours', 1)),
  failed: record({
    done: null,
    manifest: { outcome: 'failed', error: { kind: 'failed', message: 'the loss is not a number.' } },
  }),
  'stopped, nothing bad so far': record({ measurements: [], done: { outcome: 'stopped', laws: undefined } }),
  'stopped, leaking': record({
    measurements: [],
    done: { outcome: 'stopped', laws: undefined, harmfulLoss: kept(0.9) },
  }),
  'interrupted by a crash': record({ done: null }),
};

/** Still training, with its last measurement of harmful rows. */
function watched(harmfulLoss: HarmfulLoss): RunRecord {
  const run = record({ done: null, measurements: [] });
  return { ...run, events: [...run.events, { kind: 'evaluation', step: 108, harmfulLoss }] };
}

export const RUNS: Record<string, RunFacts> = {
  ...Object.fromEntries(Object.entries(ENDED).map(([name, run]) => [name, factsOf(run)])),
  'running, before the first probe': during('preparing', record({ done: null, probes: [], measurements: [] })),
  'running, little pull': during('training', record({ done: null, measurements: [harm('base', 0)] })),
  'running, a pull that has taught nothing yet': during(
    'training',
    record({ done: null, measurements: [], probes: [FIRST, leaking] }),
  ),
  'running, and what fell may be noise': during('training', watched(kept(0.94))),
  'running, leaking': during('training', watched(kept(0.9))),
  'running plainly': during('training', plain({ probes: [PLAIN, PLAIN], measurements: [], done: {} })),
  'a vector in training, ready so far': during('training', vector(0.99)),
};

/** A run that crashed at step 108, where it leaked and did harm, went on from step 54, and ended well. */
export const resumed: RunRecord = (() => {
  const whole = record();
  const measured = (n: number, measurements: Measurement[]): RunEvent => ({
    kind: 'evaluation',
    step: n,
    measurements,
  });
  const crashed = [measured(0, GOOD.slice(0, 2)), at(0, FIRST), step(54), step(108), at(108, leaking)];
  const again = [step(55), step(108), at(108, LAST), measured(108, GOOD.slice(2))];
  return { ...whole, events: [...crashed, measured(108, [harm('protected', 1)]), ...again] };
})();

/** The same before it ended: what was measured on the way is all that there is. */
export const resumedAndLeft: RunRecord = (() => {
  const { done: _done, ...manifest } = resumed.manifest;
  return { manifest: { ...manifest, outcome: 'running' }, events: resumed.events };
})();
