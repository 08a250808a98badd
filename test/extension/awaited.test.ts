/** What a run waits for, of runs that ended early. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { unmade } from '../../extension/runs/awaited.js';
import { RunStore } from '../../extension/runs/store.js';
import { adapterOf } from '../../extension/workspace/models.js';
import { runFolder, temporary, write } from './support.js';

test('a vector whose run was stopped at its very end is no vector yet; another adapter is there', async (t) => {
  const [root, store] = [await temporary(t), new RunStore()];
  const made = async (name: string, role: 'security' | 'task') => {
    const folder = await runFolder(root, name, { manifest: { outcome: 'stopped', role } });
    await write(join(folder, 'adapter/adapter_model.safetensors'), '');
    await store.read(folder);
    const facts = { uses: [folder], output: join(root, 'other') };
    return [unmade(facts as never, (at) => store.get(at))?.name, adapterOf(store.get(folder)!)?.role];
  };
  assert.deepEqual(
    [await made('x', 'security'), await made('y', 'task')],
    [
      ['x', undefined],
      [undefined, 'task'],
    ],
  );
});
