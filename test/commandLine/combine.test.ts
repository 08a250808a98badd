/** `combine` prints JSON with or without --json: what it says to people besides is not on stdout. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from '../calls/support.js';
import { adapterOf } from '../export/support.js';
import { temporary } from '../extension/support.js';
import { loadReference } from '../support/reference.js';

test('a combination that is cut says on stderr what is lost, an exact one that it is exact', async (t) => {
  const { folder: model } = await loadReference('llama');
  const root = await temporary(t);
  const combined = async (name: string, ...more: string[]) => {
    const adapters = ['task', 'security'].flatMap((each) => ['--adapter', adapterOf('llama', each)]);
    const ran = await cli(['combine', '--model', model, ...adapters, '--out', join(root, name), ...more]);
    assert.equal(ran.code, 0, ran.stderr);
    return { made: JSON.parse(ran.stdout) as { rank: number; exactRank: number }, said: ran.stderr };
  };
  const exact = await combined('exact');
  assert.match(exact.said, new RegExp(`^exact, of rank ${exact.made.rank}$`, 'm'));
  const cut = await combined('cut', '--rank', '2');
  assert.match(
    cut.said,
    new RegExp(`^of rank 2 instead of ${cut.made.exactRank}: [\\d.]+\\s% of the update is lost$`, 'm'),
  );
});
