/** How fast the machine is, from what the clock and the processor say of the passes of a measurement. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBackend } from '../../runtime/device/openBackend.js';
import type { Backend } from '../../runtime/device/session.js';
import { coldProductRate, quietSeconds } from '../../runtime/estimate/speed.js';

/** A pass with so many seconds of the clock, on so many cores. */
const pass = (clock: number, cores: number) => ({ clock, cpu: clock * cores });

test('of the processor those cores count that it has had, not the threads that they could run', () => {
  assert.equal(quietSeconds([pass(2, 4), pass(1, 4), pass(1, 4)], 8), 1);
  assert.equal(quietSeconds([pass(2, 1), pass(1, 1)], 2), 1);
  assert.equal(quietSeconds([pass(2, 4), pass(1, 4)], 4), 1);
});

test('who computes beside it costs the clock more than the processor', () => {
  assert.equal(quietSeconds([pass(2, 4), pass(2, 2), pass(4, 1)], 8), 1);
  assert.equal(quietSeconds([pass(2, 0.5), pass(2, 0.5)], 1), 1);
  assert.equal(quietSeconds([pass(2, 0.5), pass(2, 0.5)], 8), 1, 'it computes on one core at least');
  assert.equal(quietSeconds([pass(3, 9), pass(2, 1)], 2), 1, 'no more cores than threads');
});

test('the first pass warms up, and where another device computes the clock counts', () => {
  assert.equal(quietSeconds([pass(1, 4), pass(2, 4), pass(3, 4)], 4), 2);
  assert.equal(quietSeconds([pass(1, 1), pass(3, 0.01), pass(2, 0.01)], undefined), 2);
});

test('a device that sleeps while another computes is as fast as the clock says', async () => {
  const sleeping = {
    ...(await openBackend('cpu', 1)),
    ...{ device: 'webgpu', threads: 0 },
    session: async () => ({
      run: () => new Promise((resolve) => setTimeout(() => resolve({}), 20)),
      dispose: async () => undefined,
    }),
  } as unknown as Backend;
  const products = Array.from({ length: 3 }, () => ({ in: 16, out: 16 }));
  const rate = await coldProductRate(sleeping, products, 4, { passes: 1 });
  assert.ok(rate <= (2 * 4 * 16 * 16) / 0.018, `${rate} a second`);
});
