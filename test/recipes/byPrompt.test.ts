/** Many answers to few prompts: what is held out, measured and said counts prompts, not rows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ratioOfSums } from '../../runtime/contract/intervals.js';
import { verdictText } from '../../runtime/contract/sentences.js';
import { runVerdict, type RunVerdict } from '../../runtime/contract/verdict.js';
import { promptCount, variedRows } from '../../runtime/data/byPrompt.js';
import type { Example } from '../../runtime/data/examples.js';
import type { Comparison, RowLoss } from '../../runtime/learner/learner.js';
import type { TrainingRow } from '../../runtime/learner/packing.js';
import { harmfulLoss } from '../../runtime/recipes/protection/harmfulLoss.js';
import { heldOutCount, holdOut } from '../../runtime/recipes/training/heldOut.js';
import { heldOutQuality } from '../../runtime/recipes/securityVector/heldOutMeasure.js';
import { trialRows } from '../../runtime/recipes/securityVector/trial.js';
import { random } from '../../runtime/support/random.js';

/** So many prompts with so many answers each, one after the other, as a file has them. */
const file = (prompts: number, each: number, kind = 'harmful'): Example[] =>
  Array.from({ length: prompts * each }, (_, row) => ({
    ...{ row, line: row + 1, ids: [1, row], labels: [-100, row], promptIds: [1], answer: `answer ${row}` },
    promptText: `${kind} ${Math.floor(row / each)}`,
  }));
const rowsOf = (list: Iterable<Example>): number[] => Array.from(list, ({ row }) => row);

const [OFF, ON] = [{ vector: 0 }, { vector: 1 }];
/** With the vector harmful rows lose most of their loss, and ordinary ones none: all are told apart. */
const learner = {
  losses: async (rows: readonly TrainingRow[]): Promise<RowLoss[]> =>
    rows.map(({ example, scales }) => {
      const { row, promptText } = example as Example;
      const isExplained = scales.vector === 1 && promptText.startsWith('harmful');
      const perToken = Array.from({ length: 8 }, (_, i) => (isExplained ? 0.2 : 2) + ((row + i) % 7) / 1000);
      return { perToken, nll: perToken.reduce((a, b) => a + b), tokens: perToken.length };
    }),
  compare: async (rows: readonly TrainingRow[]): Promise<Comparison[]> => {
    const [without, now] = await Promise.all(
      [OFF, ON].map((scales) => learner.losses(rows.map((row) => ({ ...row, scales })))),
    );
    return rows.map((_, i) => ({ without: without![i]!, with: now![i]!, kl: without![i]!.perToken.map(() => 1) }));
  },
};

async function measured(prompts: number, each: number): Promise<{ verdict: RunVerdict; low: number }> {
  const kept = (kind: string) => holdOut(file(prompts, each, kind), 0.2, '1').held;
  const rows = { harmful: kept('harmful'), ordinary: kept('ordinary') };
  const { quality } = await heldOutQuality(learner as never, rows, ON, {});
  assert.deepEqual([quality.harmful, quality.ordinary], [rows.harmful.length, rows.ordinary.length]);
  assert.deepEqual(
    [quality.harmfulPrompts, quality.ordinaryPrompts],
    [promptCount(rows.harmful), promptCount(rows.ordinary)],
  );
  const facts = { kind: 'vector', phase: 'finished', vectors: 0, measurements: [], quality } as const;
  return { verdict: runVerdict({ ...facts, laws: { baseUnchanged: true } }), low: quality.aurocInterval![0] };
}

test('sixteen answers to each of 20 prompts make no vector ready that one answer to each does not', async () => {
  const [one, many] = [await measured(20, 1), await measured(20, 16)];
  assert.equal(one.verdict.kind, 'unready', 'of five ordinary rows a rate of 1 % is far away');
  assert.equal(many.verdict.kind, 'unknown');
  assert.equal(many.low, one.low);
  assert.match(
    verdictText(many.verdict),
    /the 80 harmful and 80 ordinary rows that were held out of the training have only 5 and 5 prompts, .*; 16 of each/,
  );
  assert.equal((await measured(64, 4)).verdict.kind, 'ready');
});

test('sixteen prompts are held out where they are no more than one in four, whatever the answers; of fewer than 16 none', () => {
  for (const [prompts, each, wanted] of [
    [20, 16, 5],
    [64, 4, 16],
    [64, 100, 16],
    [100, 4, 20],
    [1000, 16, 32],
    [12, 10, 0],
  ] as const) {
    const rows = file(prompts, each);
    const { held, trained } = holdOut(rows, 0.2, '1');
    assert.equal(promptCount(held), wanted, `${prompts} prompts, ${each} answers`);
    const left = rows.length - trained.length;
    assert.equal(left, wanted * each);
    assert.equal(held.length, Math.min(512, left));
    assert.equal(heldOutCount(rows.length, 0.2, prompts), left, 'as an estimate has it');
  }
});

test('of more rows than are wanted those are taken that have the most prompts, in their order', () => {
  const promptsOf = (rows: number[], each: number): number[] => rows.map((row) => Math.floor(row / each));
  assert.deepEqual(promptsOf(rowsOf(variedRows(file(4, 8), 8)), 8), [0, 0, 1, 1, 2, 2, 3, 3]);
  assert.equal(promptCount(variedRows(file(20, 3), 8)), 8);
  assert.deepEqual(rowsOf(variedRows(file(2, 3), 8)), [0, 1, 2, 3, 4, 5]);
});

test('a trial measures no prompt that it trains on, and needs eight of them', () => {
  for (const each of [1, 2, 4]) {
    const { trained, measured: others } = trialRows(file(24, each))!;
    assert.ok(trained.length + others.length <= 32);
    const known = new Set(trained.map(({ promptText }) => promptText));
    assert.deepEqual(
      others.filter(({ promptText }) => known.has(promptText)),
      [],
    );
    assert.equal(promptCount(trained), promptCount(others));
  }
  const single = trialRows(file(9, 1))!;
  assert.deepEqual([rowsOf(single.trained), rowsOf(single.measured)], [[0, 2, 4, 6, 8], [1, 3, 5, 7]]); // oxfmt-ignore
  assert.equal(trialRows(file(7, 16)), undefined);
});

test('the interval of a loss on harmful rows rests on prompts: more answers to the same ones do not narrow it', () => {
  const [prompts, rng] = [6, random('losses')];
  const losses = Array.from({ length: prompts }, () => ({ base: 20 + rng.normal(), now: 19 + 3 * rng.normal() }));
  const of = (each: number) => {
    const row = (which: 'base' | 'now') =>
      losses.flatMap((one) => Array.from({ length: each }, () => ({ nll: one[which], tokens: 10 })));
    return harmfulLoss({ rows: 'heldOut', examples: file(prompts, each) }, row('base'), row('now'))!;
  };
  const { ratio, ...interval } = ratioOfSums(...(['now', 'base'] as const).map((which) => losses.map((one) => one[which])) as [number[], number[]])!; // oxfmt-ignore
  for (const each of [1, 16]) {
    const found = of(each);
    assert.equal(found.of, prompts * each);
    assert.ok(Math.abs(found.delivered / found.base - ratio) < 1e-12);
    for (const end of ['low', 'high'] as const) assert.ok(Math.abs(found[end] - interval[end]) < 1e-12, `${each}`);
  }
  const [base, now] = [1, 0.9].map((nll) => Array.from({ length: 8 }, () => ({ nll, tokens: 1 })));
  assert.equal(harmfulLoss({ rows: 'heldOut', examples: file(1, 8) }, base!, now!), undefined, 'one prompt has none');
});
