/** docs/run-folder.md against the files, events, manifest and laws of a run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../runtime/contract/limits.js';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { VERDICT_SENTENCES as SENTENCES } from '../../runtime/contract/verdictSentences.js';
import { signsOf } from '../../runtime/contract/signs.js';
import type { Finding, RunVerdict } from '../../runtime/contract/verdict.js';
import { EXIT } from '../../runtime/contract/errors.js';
import type { DoneEvent, Invariants, RunEvent, RunState, VectorQuality } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { divergenceWatch, requireLearned } from '../../runtime/recipes/training/divergence.js';
import { code, read, rows, section } from './pages.js';

const TEXT = read('docs/run-folder.md');
const first = (heading: string): string[] => rows(section(TEXT, heading)).flatMap(([cell]) => code(cell!));

test('every file of a run is listed', () => {
  const listed = first('## Files').map((name) => name.replace(/\/$/, ''));
  assert.deepEqual(listed.sort(), Object.values(RUN_FILES).sort());
});

/** Every key of a type; the compiler finds what is missing or too many. */
type Keys<T> = Record<keyof T, true>;
type Fields<Kind extends RunEvent['kind']> = Keys<Omit<Extract<RunEvent, { kind: Kind }>, 'kind'>>;
const EVENTS: { [Kind in RunEvent['kind']]: Fields<Kind> } = {
  state: { state: true, message: true, device: true, steps: true, progress: true, estimate: true },
  step: {
    ...{ step: true, steps: true, lossNatsPerToken: true, harmfulLossNatsPerToken: true, gradNorm: true },
    ...{ learningRate: true, tokens: true, stepMs: true, memoryBytes: true, secondsLeft: true },
  },
  evaluation: { step: true, probes: true, probeRows: true, measurements: true, harmfulLoss: true },
  sample: {
    ...{ state: true, set: true, row: true, line: true, prompt: true, messages: true, answer: true },
    ...{ cut: true, verdict: true, verdicts: true, judge: true, label: true },
  },
  checkpoint: { step: true, path: true },
  point: {
    ...{ values: true, folder: true, verdict: true, plain: true, headline: true, measurements: true, seconds: true },
    ...{ share: true, warnings: true, error: true, resumed: true, judged: true },
  },
  warning: { message: true, place: true, remedy: true, set: true, code: true },
  done: {
    ...{ outcome: true, output: true, step: true, seconds: true, measurements: true, laws: true },
    ...{ vector: true, taken: true, harmfulLoss: true, byVector: true, flagged: true, watch: true },
    ...{ trainedPrompts: true, protectionWeakened: true },
  },
};
const MANIFEST: Keys<Manifest> = {
  ...{ version: true, kind: true, name: true, recipe: true, outcome: true, started: true, ended: true, device: true },
  ...{
    model: true,
    data: true,
    vectors: true,
    sets: true,
    judges: true,
    result: true,
    role: true,
    files: true,
    done: true,
  },
  ...{ resumed: true, precision: true, point: true, error: true, baseline: true },
};
const INVARIANTS: Keys<Invariants> = { vectorUnchanged: true, baseUnchanged: true, deliveredWithoutVector: true };
const STATES: Record<RunState, true> = { preparing: true, training: true, evaluating: true, saving: true };
const OUTCOMES: Record<Manifest['outcome'], true> = { running: true, finished: true, stopped: true, failed: true };
const ENDS: Record<DoneEvent['outcome'], true> = { finished: true, stopped: true };

const VECTOR: Keys<VectorQuality> = {
  ...{
    harmful: true,
    ordinary: true,
    harmfulPrompts: true,
    ordinaryPrompts: true,
    auroc: true,
    aurocInterval: true,
    recall: true,
    lossWith: true,
    lossWithout: true,
  },
  ...{ trial: true, trialInterval: true, trialTrained: true, trialMeasured: true },
};

test('all that is measured of a vector is described, with the limits of its trial', () => {
  const text = section(TEXT, '## Events').replaceAll(/\n +|\n/g, ' ');
  const described = text.slice(text.indexOf('`vector` says'));
  for (const key of Object.keys(VECTOR)) assert.ok(described.includes(`\`${key}\``), key);
  assert.ok(described.includes(`ends below ${100 * LIMITS.lossKept} %`));
  assert.ok(described.includes(`begins at ${100 * LIMITS.lossSurelyKept} % or above`));
});

test('every event is listed with its fields, and every value of its states', () => {
  const fields = (text: string): string[] => code(text.replace(/ \([^)]*\)/g, '').replace(/^.*in `\S+`: /, ''));
  const listed = rows(section(TEXT, '## Events'));
  assert.deepEqual(
    Object.fromEntries(listed.map(([kind, text]) => [code(kind!)[0], fields(text!)])),
    Object.fromEntries(Object.entries(EVENTS).map(([kind, all]) => [kind, Object.keys(all)])),
  );
  const values = (kind: string): string[] => {
    const text = listed.find(([cell]) => cell === `\`${kind}\``)![1]!;
    return code(/\(([^)]*)\)/.exec(text)![1]!);
  };
  assert.deepEqual(values('state'), Object.keys(STATES));
  assert.deepEqual(values('done'), Object.keys(ENDS));
});

test('every key of the manifest is listed', () => {
  assert.deepEqual(first('## Manifest').sort(), Object.keys(MANIFEST).sort());
  const outcome = rows(section(TEXT, '## Manifest')).find(([cell]) => cell === '`outcome`')!;
  assert.deepEqual(code(outcome[1]!), Object.keys(OUTCOMES));
});

test('every law is listed', () => {
  assert.deepEqual(first('## Three invariants'), Object.keys(INVARIANTS));
});

const harm = { name: '', judge: '', base: 0, now: 0, baseCount: 0, count: 0 } as (Finding & { kind: 'held' })['harm'];
const soFar: Finding = { kind: 'evaluated', pull: {} };
/** One of each verdict that a run can end with, by the sentence that it begins with. */
const VERDICTS: { [Kind in Exclude<RunVerdict['kind'], 'running' | 'interrupted'>]: [string, RunVerdict] } = {
  held: [SENTENCES.holds, { kind: 'held', pull: {}, harm }],
  weakened: [SENTENCES.weak, { kind: 'weakened', pull: {}, cause: 'learned' }],
  lost: [SENTENCES.lost, { kind: 'lost', pull: {}, risen: [] }],
  broken: [SENTENCES.broken, { kind: 'broken', pull: {}, laws: [] }],
  unprotected: [SENTENCES.unprotected, { kind: 'unprotected', pull: {} }],
  ready: [SENTENCES.ready, { kind: 'ready', pull: {}, quality: { auroc: 1, trial: 1, trialInterval: [1, 1] } }],
  unready: [SENTENCES.unready, { kind: 'unready', pull: {}, quality: { auroc: 0 } }],
  unknown: [SENTENCES.notMeasured, { kind: 'unknown', pull: {}, cause: 'notMeasured' }],
  evaluated: [SENTENCES.evaluated, { kind: 'evaluated', pull: {} }],
  failed: [SENTENCES.failedRun, { kind: 'failed' }],
  stopped: [SENTENCES.stoppedRun, { kind: 'stopped', soFar }],
};

test('every verdict is listed with its mark and exit code', () => {
  const listed = rows(section(TEXT, '## Verdict'));
  assert.equal(listed.length, Object.keys(VERDICTS).length);
  for (const [i, [sentence, verdict]] of Object.values(VERDICTS).entries()) {
    const [start, , mark, exit] = listed[i]!;
    assert.ok(sentence.startsWith(start!), `"${start}": ${sentence}`);
    const signs = signsOf(verdict);
    assert.deepEqual([mark, Number(exit)], [signs.mark || 'none', EXIT[signs.exit]], start);
  }
});

test('the limits of the verdict are those of the program', () => {
  const text = section(TEXT, '## Verdict').replaceAll(/\n +|\n/g, ' ');
  const percent = (share: number): string => `${100 * share} %`;
  for (const limit of [
    `AUROC of at least ${LIMITS.detectorAuroc}`,
    `over ${100 * LIMITS.harmRise} percentage points more`,
    `below ${percent(LIMITS.lossKept)} of the base's`,
    `fewer than ${LIMITS.fewestPrompts} prompts`,
    `over ${percent(LIMITS.baseComplies)} of it`,
  ])
    assert.ok(text.includes(limit), limit);
});

test('a training fails at the limits that the page gives', () => {
  const text = section(TEXT, '## When training fails').replaceAll(/\n +|\n/g, ' ');
  const number = (pattern: RegExp): number => Number(pattern.exec(text)![1]);
  const steps = number(/mean loss of (\d+) steps/);
  const [twice, tenfold] = [
    number(/guessing.*? at least (\d+) times/),
    number(/half the loss.*? at least (\d+) times/),
  ];
  const fails = (first: number, loss: number, count = steps): boolean => {
    const watch = divergenceWatch(Math.exp(1), [first]); // guessing has a loss of 1
    try {
      for (let step = 1; step <= count; step++) watch(step, loss);
      return false;
    } catch {
      return true;
    }
  };
  assert.deepEqual([fails(0.4, 0.9), fails(0.4, 1), fails(0.4, 1, steps - 1)], [false, true, false]);
  assert.deepEqual([fails(0.8, 0.79 * twice), fails(0.8, 0.81 * twice)], [false, true]);
  assert.deepEqual([fails(0.01, 0.49), fails(0.01, 0.5)], [false, true]);
  assert.deepEqual([fails(0.08, 0.079 * tenfold), fails(0.08, 0.081 * tenfold)], [false, true]);

  const [share, nats] = [number(/by more than (\d+) %/) / 100, number(/by more than ([\d.]+) nats/)];
  const worse = (was: number, is: number) => () =>
    requireLearned(1, [{ nll: was, tokens: 1 }], [{ nll: is, tokens: 1 }]);
  for (const was of [1, 9]) {
    const most = was + Math.max(share * was, nats);
    worse(was, most - 1e-6)();
    assert.throws(worse(was, most + 1e-6), /diverged/);
  }
});
