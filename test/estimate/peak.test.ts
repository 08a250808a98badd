/** What a process has used at most, for the estimates of the next runs. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32 } from '../../runtime/device/session.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { MatMul } from '../../runtime/onnx/ops.js';
import { countsMapped, peakMemory, usedMemory, watchMemory } from '../../runtime/support/memory.js';
import { until } from '../extension/support.js';
import { temporary } from '../support/temporary.js';

test('the peak of a process is what it has taken since it is watched', async () => {
  assert.equal(peakMemory(), 0, 'nobody watches');
  watchMemory(1e13, '');
  await until(() => peakMemory() > 0, 'it is watched');
  const before = peakMemory();
  const taken = Buffer.alloc(3e8, 1);
  await until(() => peakMemory() > before + 2e8, 'it has risen');
  assert.equal(taken.at(-1), 1);
});

test('weights that two sessions map from their file count in neither', async (t) => {
  if (countsMapped()) return t.skip('mapped weights cannot be told apart here');
  const folder = await temporary(t);
  const [rows, columns] = [100, 250_000];
  const bytes = 4 * rows * columns;
  await writeFile(join(folder, 'weights'), Buffer.alloc(bytes));
  const backend = await openBackend('cpu');
  const before = [usedMemory(), process.memoryUsage.rss()];
  for (const name of ['first', 'second']) {
    const g = new Builder(name);
    const weights = g.external('w', 'float32', [rows, columns], { file: 'weights', offset: 0, bytes });
    g.outputAs('y', MatMul(g, g.input('x', 'float32', [1, rows]), weights));
    const session = await backend.session(g.graph(), { folder, keep: [] });
    t.after(() => session.dispose());
    await session.run({ x: float32(new Float32Array(rows), [1, rows]) });
  }
  const [used, resident] = [usedMemory() - before[0]!, process.memoryUsage.rss() - before[1]!];
  assert.ok(resident > 1.5 * bytes, `${resident} bytes are resident`);
  assert.ok(used < 0.5 * bytes, `${used} bytes are used`);
});
