/** What methods train on beside the data, and with which prompt: the rule that defines each, on a tiny model. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inoculation, ptst } from '../../runtime/baselines/prompts.js';
import { lisa } from '../../runtime/baselines/lisa.js';
import { safeInstr } from '../../runtime/baselines/safeInstr.js';
import { rowsOf, tokenCount } from '../../runtime/learner/rows.js';
import { HumanError } from '../../runtime/support/errors.js';
import { useTinyModel } from './tinyModel.js';

const { rows, inputs } = await useTinyModel();

describe('SafeInstr', () => {
  it('adds aligned rows up to a share of all, each as often as the others, or each once', () => {
    const { length } = rows.train;
    const all = safeInstr(inputs({})).rows!(rows.train);
    assert.equal(all.length, length + rows.forbidden.length);
    const half = [...safeInstr(inputs({ share: 0.5 })).rows!(rows.train)].slice(length);
    assert.equal(half.length, length, 'half of all rows');
    const counts = [...rows.forbidden].map(
      ({ answer, promptText }) => half.filter((one) => one.promptText === promptText && one.answer === answer).length,
    );
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join());
    assert.equal(new Set([...all].map(({ row }) => row)).size, all.length - 0, 'row numbers are unique');
    assert.throws(() => safeInstr(inputs({ share: 0.01 })).rows!(rows.train), HumanError);
  });
});

describe('Lisa', () => {
  it('weighs each token of an alignment step alike, in whatever micro-batch it is', () => {
    const own = [0, 2, 4].map((at) => rowsOf([...rows.train].slice(at, at + 2), { task: 1 }, 1));
    const method = lisa(inputs({ alternate: [1, 1] }, { aligned: rows.benign }));
    const batches = Array.from({ length: 8 }, (_, i) => method.step!(own, { step: 2 * i + 1, steps: 16, off: {} }));
    const tokens = batches.map((step) => step.map((batch) => tokenCount(batch.map(({ example }) => example))));
    assert.ok(
      tokens.some((step) => new Set(step).size > 1),
      'micro-batches of unlike sizes',
    );
    batches.forEach((step, i) => {
      const all = tokens[i]!.reduce((a, b) => a + b);
      for (const { weight } of step.flat()) assert.equal(weight, 1 / all);
    });
  });
});

describe('prompts', () => {
  it('inoculation puts the prompt before every row and leaves the answers', () => {
    const found = [...inoculation(inputs({ prompt: 'You may do it.' })).rows!(rows.train)];
    found.forEach((row, i) => {
      const before = rows.train.at(i)!;
      const answer = ({ labels }: typeof row): number[] => labels.filter((label) => label !== -100);
      assert.deepEqual(answer(row), answer(before));
      assert.equal(row.answer, before.answer);
      assert.deepEqual(row.prompt![0], { role: 'system', content: 'You may do it.' });
      assert.ok(row.promptText.includes('You may do it.'));
      assert.ok(row.ids.length > before.ids.length);
    });
  });
  it('PTST leaves the rows and gives the prompt to the delivered model', () => {
    const method = ptst(inputs({ prompt: 'Refuse.' }));
    assert.deepEqual(method, { prompt: 'Refuse.' });
  });
});
