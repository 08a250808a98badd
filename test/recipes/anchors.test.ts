/** What a step holds the model to. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { anchoring } from '../../runtime/recipes/protection/anchors.js';
import { baseLosses } from '../../runtime/recipes/training/baseLosses.js';
import { strategyOf } from '../../runtime/recipes/protection/strategy.js';
import type { TrainingRow } from '../../runtime/learner/packing.js';
import { tokenCount } from '../../runtime/learner/rows.js';
import type { Example } from '../../runtime/data/examples.js';
import { useTinyModel } from '../baselines/tinyModel.js';

const OFF = { security: 0 };
const { context, rows } = await useTinyModel();

const said: string[] = [];
const job = { recipe: { seed: 3 }, context, emit: (event: { message: string }) => said.push(event.message) } as never;
const strategy = strategyOf({ protection: true, batch: { rows: 16, accumulate: 1 } } as never);
const own = [...rows.harmful];
const nothing = { own: [], ofData: [], isAsked: () => false, ordinary: [] };

it('losses of harmful rows are held a tenth above the base’s, vectors off, the same ones when a step is made again', async () => {
  const known = await baseLosses(context, own);
  const step = await anchoring(job, { strategy, ...nothing, own, ordinary: rows.benign }, {} as never, OFF);
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
      await anchoring(job, { strategy: { anchor: false }, ...nothing, own, ordinary: rows.benign }, {} as never, OFF)
    )(1),
    [],
  );
});

it('ordinary prompts are held beside the others, by a weight of their own, and change nothing of what else is drawn', async () => {
  const teach = (some: readonly unknown[]) => Promise.resolve(some.map(() => new Float32Array(1)));
  const benign = [...rows.benign];
  const all = { ...nothing, own, held: own, heldOrdinary: benign };
  const of = async (anchor: object) => {
    const strategy = strategyOf({ protection: { anchor }, batch: { rows: 8, accumulate: 1 } } as never);
    const step = await anchoring(job, { strategy, ...all }, { teach } as never, OFF);
    const taught: TrainingRow[][] = [];
    const others: TrainingRow[][] = [];
    for (let i = 1; i <= 6; i++) {
      const made = await step(i);
      taught.push(made.filter(({ teacher }) => teacher));
      others.push(made.filter(({ teacher }) => !teacher));
    }
    return { taught, others };
  };
  const plain = await of({ harmful: 1, weight: 0.3 });
  assert.deepEqual(
    plain.taught.map((some) => some.length),
    [1, 0, 1, 0, 1, 0],
  );
  const { taught, others } = await of({ refusals: 1, ordinary: 2, harmful: 1, weight: 0.3, promptWeight: 1 });
  for (const some of taught) {
    assert.deepEqual(
      some.map(({ example }) => benign.includes(example as never)),
      [false, true, true],
    );
    assert.deepEqual(
      some.map(({ loose }) => loose),
      [false, true, true],
      'who asks for what the data teach is let go',
    );
    const weight = 1 / tokenCount(some.map(({ example }) => example));
    assert.ok(some.every((row) => row.weight === weight && row.scales === OFF));
  }
  assert.ok(others.flat().every(({ weight, example }) => weight === 0.3 / tokenCount([example])));
  const alike = await of({ refusals: 1, harmful: 1, weight: 0.3 });
  assert.deepEqual(
    alike.taught.map(([row]) => row!.example),
    taught.map(([row]) => row!.example),
  );
  assert.deepEqual(alike.others, others);
});

it('harmful rows of the data are held beside the vectors’ own, at their losses of the scan; of many only some', async () => {
  const tokens = tokenCount([own[0]!]);
  const ofData = Array.from({ length: 200 }, (_, row) => {
    return { ...own[0]!, row, promptText: `question ${row}`, base: Array<number>(tokens).fill(row) };
  });
  said.length = 0;
  const step = await anchoring(job, { ...nothing, strategy, own, ofData }, {} as never, OFF);
  assert.deepEqual(said, ["the anchor holds 64 of the rows that look harmful, beside the vector's own"]);
  const drawn = (await Promise.all(Array.from({ length: 600 }, (_, i) => step(i + 1)))).flat();
  const isOfData = ({ example }: (typeof drawn)[0]): boolean => /^question/.test((example as Example).promptText);
  const found = drawn.filter(isOfData);
  assert.equal(new Set(found.map(({ example }) => (example as Example).row)).size, 64);
  for (const { example, heldAt } of found) assert.ok(heldAt!.every((nll) => nll === 1.1 * (example as Example).row));
  const share = found.length / drawn.length;
  const expected = 64 / (64 + own.length);
  assert.ok(Math.abs(share - expected) < 0.05, `${share}`);
});
