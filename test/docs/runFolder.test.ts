/** docs/run-folder.md against the files, events, manifest and laws of a run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import type { DoneEvent, Laws, Manifest, RunEvent, RunState } from '../../runtime/protocol.js';
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
  state: { state: true, message: true, device: true, steps: true, progress: true },
  step: {
    ...{ step: true, steps: true, lossNatsPerToken: true, harmfulLossNatsPerToken: true, gradNorm: true },
    ...{ learningRate: true, tokens: true, stepMs: true, memoryBytes: true, secondsLeft: true },
  },
  evaluation: { step: true, probes: true, measurements: true },
  sample: {
    ...{ state: true, set: true, row: true, line: true, prompt: true, answer: true, verdict: true, verdicts: true },
  },
  checkpoint: { step: true, path: true },
  warning: { message: true, place: true, remedy: true },
  done: {
    ...{ outcome: true, output: true, step: true, seconds: true, measurements: true, laws: true },
    protectionWeakened: true,
  },
};
const MANIFEST: Keys<Manifest> = {
  ...{ version: true, kind: true, name: true, recipe: true, outcome: true, started: true, ended: true, device: true },
  ...{ model: true, data: true, vectors: true, judges: true, result: true, role: true, files: true, done: true },
  error: true,
};
const LAWS: Keys<Laws> = { vectorUnchanged: true, baseUnchanged: true, deliveredWithoutVector: true };
const STATES: Record<RunState, true> = { preparing: true, training: true, evaluating: true, saving: true };
const OUTCOMES: Record<Manifest['outcome'], true> = { running: true, finished: true, stopped: true, failed: true };
const ENDS: Record<DoneEvent['outcome'], true> = { finished: true, stopped: true };

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
  assert.deepEqual(first('## Three laws'), Object.keys(LAWS));
});
