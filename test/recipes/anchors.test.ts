/** What a step holds the model to. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { anchoring } from '../../runtime/recipes/anchors.js';
import { baseLosses } from '../../runtime/recipes/baseLosses.js';
import { strategyOf } from '../../runtime/recipes/strategy.js';
import { tokenCount } from '../../runtime/learner/rows.js';
import { useTinyModel } from '../baselines/tinyModel.js';

const OFF = { security: 0 };
const { context, rows } = await useTinyModel();

it('losses of harmful rows are held a tenth above the base’s, vectors off, the same ones when a step is made again', async () => {
  const own = [...rows.harmful];
  const known = await baseLosses(context, own);
  const strategy = strategyOf({ protection: true, batch: { rows: 16, accumulate: 1 } } as never);
  const job = { recipe: { seed: 3 }, context } as never;
  const step = await anchoring(job, { strategy, own, ordinary: rows.benign }, {} as never, OFF);
  const held = await step(1);
  assert.equal(held.length, 2);
  for (const { example, heldAt, scales } of held) {
    assert.deepEqual(scales, OFF);
    const base = known[own.indexOf(example as never)]!.perToken;
    assert.deepEqual(
      heldAt,
      base.map((nll) => 1.1 * nll),
    );
  }
  const weight = 0.3 / tokenCount(held.map(({ example }) => example));
  assert.deepEqual(
    held.map((row) => row.weight),
    [weight, weight],
  );
  assert.deepEqual(await step(1), held);
  assert.deepEqual(
    await (
      await anchoring(job, { strategy: { anchor: false }, own, ordinary: rows.benign }, {} as never, OFF)
    )(1),
    [],
  );
});
