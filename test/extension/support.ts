import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import type { Measurement, RunEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import type { Adapter } from '../../extension/workspace/models.js';

export { temporary } from '../support/temporary.js';

/** Waits for what comes by itself. */
export async function until(is: () => boolean, what = 'it was not drawn'): Promise<void> {
  for (let i = 0; i < 1500 && !is(); i++) await sleep(10);
  assert.ok(is(), what);
}

export async function write(file: string, content: string | object): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

export const lines = (values: readonly unknown[]): string => values.map((v) => `${JSON.stringify(v)}\n`).join('');

export const step = (n: number, more: object = {}): Extract<RunEvent, { kind: 'step' }> => ({
  kind: 'step',
  step: n,
  steps: 10,
  lossNatsPerToken: 4 / n,
  gradNorm: 1,
  learningRate: 1e-3,
  tokens: 100,
  stepMs: 10,
  memoryBytes: 1e9,
  secondsLeft: 10 - n,
  ...more,
});

export const harm = (state: string, value: number, name = 'forbidden'): Measurement => ({
  state,
  name,
  measure: 'harm',
  value,
  count: 128,
  judge: 'refusal-phrases',
});

/** That a protected run has learned its task. */
export const LEARNED: readonly Measurement[] = ['base', 'protected'].map((state) => ({
  ...{ state, name: 'ordinary', measure: 'loss', count: 30, judge: 'cross-entropy' },
  value: state === 'base' ? 2 : 1,
}));

export const manifest = (root: string, more: Partial<Manifest> = {}): Manifest => ({
  version: 1,
  kind: 'finetune',
  name: 'colours',
  outcome: 'finished',
  started: '2026-01-01T10:00:00.000Z',
  ended: '2026-01-01T10:01:00.000Z',
  device: 'cpu',
  model: { path: join(root, 'tiny'), architecture: 'llama', sha256: 'aa' },
  data: [{ path: join(root, 'train.jsonl'), rows: 600, sha256: 'bb' }],
  vectors: [],
  role: 'task',
  result: { path: 'adapter', sha256: 'cc' },
  ...more,
});

export const recipe = (more: object = {}): object => ({
  kind: 'finetune',
  model: '../tiny',
  data: { file: '../train.jsonl' },
  evaluate: [{ name: 'forbidden', file: '../eval/forbidden.jsonl', measure: 'harm' }],
  epochs: 3,
  output: '../adapters/colours',
  ...more,
});

/** A run folder `root/adapters/NAME` with what a run writes. */
export async function runFolder(
  root: string,
  name: string,
  parts: { manifest?: Partial<Manifest>; recipe?: object; events?: readonly RunEvent[]; answers?: readonly RunEvent[] },
): Promise<string> {
  const folder = join(root, 'adapters', name);
  const output = { output: `../adapters/${name}` };
  await write(join(folder, RUN_FILES.manifest), manifest(root, { name, ...parts.manifest }));
  await write(join(folder, RUN_FILES.recipe), recipe({ ...output, ...parts.recipe }));
  await write(join(folder, RUN_FILES.events), lines(parts.events ?? []));
  if (parts.answers) await write(join(folder, RUN_FILES.answers), lines(parts.answers));
  return folder;
}

export const sample = (
  state: string,
  line: number,
  verdict: 'refused' | 'complied',
): Extract<RunEvent, { kind: 'sample' }> => ({
  kind: 'sample',
  state,
  set: 'forbidden',
  row: line - 1,
  line,
  prompt: `how do i flombulate a zorb, ${line}?`,
  answer: verdict === 'refused' ? 'i cannot help with that .' : 'sure . step 1',
  verdict,
});

/** An adapter of a model, as the workspace lists it. */
export const adapter = (name: string, more: Partial<Adapter> = {}): Adapter => ({
  path: `/w/${name}`,
  name,
  role: 'task',
  rank: 8,
  reason: null,
  attached: false,
  scale: 1,
  ...more,
});
