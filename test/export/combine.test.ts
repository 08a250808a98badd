/** One adapter computed from several, through the call that the command line makes. */
import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { readAdapter, ROLE_FILE, WEIGHTS_FILE } from '../../runtime/adapters/files.js';
import { calls } from '../../runtime/calls/calls.js';
import { sha256File } from '../../runtime/support/files.js';
import { loadReference } from '../support/reference.js';
import { silent } from '../support/silent.js';
import { adapterOf, at, logitsOn, place, subject, type Place } from './support.js';

let here: Place;
let parts: { path: string; scale: number }[];
before(async () => {
  here = await place();
  const vector = here.file('vector');
  await cp(adapterOf('llama', 'security'), vector, { recursive: true });
  await writeFile(join(vector, ROLE_FILE), JSON.stringify({ role: 'security' }));
  parts = [at(adapterOf('llama', 'task'), 0.7), at(vector, -0.4)];
});
after(() => here.remove());

it('a sum gives the logits of all its parts active, and names them by their hashes', async () => {
  const r = await loadReference('llama');
  const out = here.file('sum');
  const result = await calls.combine({ model: r.folder, adapters: parts, out }, silent);
  const ids = await r.ints('batch.input_ids');
  const shape = r.shape('batch.input_ids');
  const together = await logitsOn(await subject(r.folder, here.dir, parts), ids, shape);
  const one = await logitsOn(await subject(r.folder, here.dir, [at(out)]), ids, shape);
  const largest = one.reduce((most, value, i) => Math.max(most, Math.abs(value - together[i]!)), 0);
  assert.ok(largest < 1e-5, String(largest));
  assert.equal(result.error, undefined);
  assert.deepEqual(
    result.from.map(({ sha256, scale }) => [sha256, scale]),
    await Promise.all(parts.map(async ({ path, scale }) => [await sha256File(join(path, WEIGHTS_FILE)), scale])),
  );
  const written = JSON.parse(await readFile(join(out, ROLE_FILE), 'utf8')) as { role: string; made: object };
  assert.equal(written.role, 'security');
  const [task, vector] = result.from;
  assert.deepEqual(
    [task!.path, vector!.path],
    parts.map(({ path }) => path),
  );
  const named = [
    { ...task, path: 'task' },
    { ...vector, path: 'vector' },
  ];
  assert.deepEqual(written.made, { from: named, exactRank: result.exactRank });
});

it('a cut has the rank that was asked for and says what is lost', async () => {
  const { folder: model } = await loadReference('llama');
  const out = here.file('cut');
  const result = await calls.combine({ model, adapters: parts, out, rank: 2 }, silent);
  assert.equal(result.rank, 2);
  assert.ok(result.exactRank > 2 && result.error! > 0 && result.error! < 1);
  const { modules } = await readAdapter(out);
  assert.ok([...modules.values()].every(({ aShape }) => aShape[0] <= 2));
});

it('an adapter of other weights is refused by their hash, and nothing is left of a sum that is nothing', async () => {
  const { folder: model } = await loadReference('llama');
  const foreign = here.file('foreign');
  await cp(adapterOf('llama', 'security'), foreign, { recursive: true });
  await writeFile(
    join(foreign, ROLE_FILE),
    JSON.stringify({ role: 'security', baseModel: { name: 'another', sha256: 'f'.repeat(64) } }),
  );
  const combine = (adapters: typeof parts, more: { off?: string; rank?: number } = {}) =>
    calls.combine({ model, adapters, out: here.file('none'), ...more }, silent);
  await assert.rejects(combine([at(foreign)]), { message: /other weights \(another\)/, place: foreign });
  await assert.rejects(combine([at(adapterOf('llama', 'task'), 0)]), { message: /nothing is left/ });
  const task = adapterOf('llama', 'task');
  const gone = [0.7, -0.4, -0.3].map((scale) => at(task, scale));
  await assert.rejects(combine(gone), { message: /nothing is left/ });
  await assert.rejects(combine(gone, { rank: 2 }), { message: /nothing is left/ });
  await assert.rejects(combine([at(task, 0.7)], { off: task }), { message: /nothing is left/ });
  assert.deepEqual(await here.left(), []);
});
