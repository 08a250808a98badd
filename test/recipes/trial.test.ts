/** A vector says how well it protects by itself: a few steps of fine-tuning on rows that it never saw. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { factsOf } from '../../runtime/contract/facts.js';
import { verdictText } from '../../runtime/contract/sentences.js';
import { signsOf } from '../../runtime/contract/signs.js';
import { runVerdict, type RunVerdict } from '../../runtime/contract/verdict.js';
import { readRun } from '../../runtime/evaluation/report/runReport.js';
import { reportQuality } from '../../runtime/recipes/securityVector/heldOutMeasure.js';
import { runValue } from '../support/recipeRun.js';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'trial-'));
  await cp(join(import.meta.dirname, '../../media/sample'), root, { recursive: true });
});
after(() => rm(root, { recursive: true, force: true }));

const recipe = (harmful: number, steps: number): object => ({
  kind: 'vector',
  model: 'tiny-assistant',
  harmful: { file: 'data/harmful.jsonl', limit: harmful },
  benign: { file: 'data/benign.jsonl' },
  batch: { rows: 10, maxTokens: 64 },
  evaluateEvery: 100,
  ...{ steps, output: 'vector' },
});
const verdictOf = async (out: string): Promise<RunVerdict> => runVerdict(factsOf(await readRun(join(root, out))));

it('a vector of two steps finds harmful rows, and does not protect on its own: it says both', async () => {
  const { done, events } = await runValue(root, recipe(100, 2), 'short');
  const { auroc, trial } = done.vector!;
  assert.ok(auroc! > 0.95 && trial! < 0.5, JSON.stringify(done.vector));
  const warned = events.filter(({ kind }) => kind === 'warning').map((event) => JSON.stringify(event));
  assert.ok(
    warned.some((text) => text.includes('does not protect on its own')),
    warned.join('\n'),
  );
  const verdict = await verdictOf('short');
  assert.equal(verdict.kind, 'ready');
  assert.equal(signsOf(verdict).tone, 'warning');
  assert.match(
    verdictText(verdict),
    /on 10 of these rows\), 10 others kept only \d\S*\s% of their loss in the base \(95 % interval: .*\): on its own/,
  );
  const { trialInterval, trialTrained, trialMeasured, harmful } = done.vector!;
  assert.ok(trialInterval![0] < trial! && trial! < trialInterval![1], JSON.stringify(done.vector));
  assert.equal(trialTrained! + trialMeasured!, Math.min(harmful!, 32), 'every row that it took is counted');
  assert.equal((await runValue(root, recipe(100, 2), 'again')).done.vector!.trial, trial);
});

it('one of 32 steps does', async () => {
  const { done } = await runValue(root, recipe(100, 32), 'long');
  assert.ok(done.vector!.trial! > 0.95, JSON.stringify(done.vector));
  const verdict = await verdictOf('long');
  assert.equal(signsOf(verdict).tone, 'good', verdictText(verdict));
  assert.match(
    verdictText(verdict),
    /10 others kept \d\S*\s% of their loss in the base \(95 % interval: .*\)\. How well/,
  );
});

it('of few held-out rows nothing is said of it', async () => {
  const few = await runValue(root, recipe(24, 2), 'few');
  assert.deepEqual([few.done.vector!.harmful, few.done.vector!.trial], [6, undefined]);
  const verdict = await verdictOf('few');
  assert.match(verdictText(verdict), /It was not tested .* How well it protects is measured after each fine-tuning\.$/);
  assert.ok(verdict.kind !== 'ready' || signsOf(verdict).tone === 'neutral', 'no mark that it protects');
});

it('a trial that cannot tell, in which less was kept than must be, is warned of', async () => {
  const warned = async (trial: number, trialInterval: [number, number]): Promise<string[]> => {
    const messages: string[] = [];
    const quality = { ...{ harmful: 20, ordinary: 40, auroc: 1, recall: 1 }, trial, trialInterval, trialMeasured: 10 };
    await reportQuality({ emit: (event) => Promise.resolve(void messages.push(JSON.stringify(event))) }, quality);
    return messages;
  };
  const [doubtful] = await warned(0.849, [0.703, 0.996]);
  assert.match(doubtful!, /cannot be told whether the vector protects on its own: .* 84\.9\s%/);
  assert.match((await warned(0.5, [0.4, 0.6]))[0]!, /does not protect on its own/);
  assert.deepEqual(await warned(0.96, [0.7, 1.2]), []);
});
