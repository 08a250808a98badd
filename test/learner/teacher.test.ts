/** What the base says of a row is asked once, and again where it cannot be kept. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { heldRows, TEACHER_BYTES } from '../../runtime/learner/teacher.js';

/** Read anew each time, as rows of large files are. */
const row = (id: number) => ({ ids: [1, id], labels: [-100, id] }) as never;

it('rows are taught once, whenever they are read, and twice the same row as one', async () => {
  const asked: number[] = [];
  const teach = (some: readonly { ids: readonly number[] }[]) => {
    asked.push(...some.map(({ ids }) => ids[1]!));
    return Promise.resolve(some.map(({ ids }) => Float32Array.of(ids[1]!)));
  };
  const held = heldRows({ teach } as never);
  const made = await held([row(5), row(7), row(5)], { v: 0 }, 0.5);
  assert.deepEqual(
    made.map(({ teacher, weight, scales, loose }) => [teacher![0], weight, scales, loose]),
    [5, 7, 5].map((id) => [id, 0.5, { v: 0 }, false]),
  );
  assert.deepEqual(
    (await held([row(9), row(7)], { v: 0 }, 0.5, true)).map(({ teacher, loose }) => [teacher![0], loose]),
    [
      [9, true],
      [7, true],
    ],
  );
  assert.deepEqual(asked, [5, 7, 9]);
});

it('what exceeds the memory for it is computed again', async () => {
  let asked = 0;
  const teach = (some: readonly unknown[]) => {
    asked += some.length;
    return Promise.resolve(some.map(() => ({ byteLength: 0.6 * TEACHER_BYTES })));
  };
  const held = heldRows({ teach } as never);
  for (let i = 0; i < 3; i++) await held([row(5), row(7)], {}, 1);
  assert.equal(asked, 4, 'one of the two is kept');
});
