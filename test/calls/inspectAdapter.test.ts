/** An adapter fits by the model's layers and by the hash of the base that it was trained on. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, open, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { plainConfig, saveAdapter } from '../../runtime/adapters/flat.js';
import { initialise, plainLayout } from '../../runtime/adapters/sites.js';
import { inspectAdapter } from '../../runtime/calls/inspect.js';
import { computationOf } from '../../runtime/models/decoder/computation.js';
import { linearLayers } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { writtenTokens } from '../../runtime/models/text/writtenTokens.js';
import { sha256File } from '../../runtime/support/files.js';
import { random } from '../../runtime/support/random.js';
import { ROOT } from './support.js';

const dir = await mkdtemp(join(tmpdir(), 'fits-'));
after(() => rm(dir, { recursive: true }));
const llama = join(ROOT, 'test/fixtures/reference/llama');
const model = join(dir, 'model');
await cp(llama, model, { recursive: true });

async function adapter(name: string, provenance?: object): Promise<string> {
  const folder = join(dir, name);
  await cp(join(llama, 'adapters/task'), folder, { recursive: true });
  if (provenance) await writeFile(join(folder, 'security_vector.json'), JSON.stringify(provenance));
  return folder;
}

test('its own base fits, other weights of the same shape do not, and an adapter that does not say is judged by shape', async () => {
  const sha256 = await sha256File(join(model, 'model.safetensors'));
  const plain = await inspectAdapter(model, await adapter('plain'));
  assert.deepEqual([plain.role, plain.fits, plain.reason], ['task', true, null]);
  assert.ok(plain.rank > 0);
  const own = await adapter('own', { role: 'security', baseModel: { name: 'llama', sha256 } });
  assert.deepEqual(await inspectAdapter(model, own), { role: 'security', rank: plain.rank, fits: true, reason: null });
  const other = await adapter('other', { role: 'task', baseModel: { name: 'llama-2', sha256: 'ab' } });
  const reason = 'it was trained on other weights (of llama-2)';
  assert.deepEqual(await inspectAdapter(model, other), { role: 'task', rank: plain.rank, fits: false, reason });
});

test('one that was trained with another config, chat template or tokenizer does not fit', async () => {
  const sample = join(ROOT, 'media/sample/tiny-assistant');
  const sha256 = await sha256File(join(sample, 'model.safetensors'));
  const spec = decoderSpec(JSON.parse(await readFile(join(sample, 'config.json'), 'utf8')));
  const layout = plainLayout(linearLayers(spec), { rank: 2, alpha: 2, sites: 'all-linear' });
  const flat = initialise(layout, random('tokens'));
  const config = plainConfig({ rank: 2, alpha: 2, sites: 'all-linear' }, layout, linearLayers(spec));
  const own = { computation: computationOf(spec), tokens: writtenTokens(await loadTokenizer(sample)) };
  for (const [change, reason] of [
    [{}, null],
    [{ tokens: 'ab' }, 'it was trained with another chat template or tokenizer'],
    [{ computation: '1-ab' }, 'it was trained with another config.json'],
  ] as const) {
    const folder = join(dir, `use-${Object.keys(change).join()}`);
    const provenance = { baseModel: { sha256, ...own, ...change } };
    await saveAdapter(folder, { layout, flat, config, role: 'task', provenance });
    const found = await inspectAdapter(sample, folder);
    assert.deepEqual([found.fits, found.reason], [reason === null, reason]);
  }
});

test('another shape does not fit, whatever hash it names', async () => {
  const sample = join(ROOT, 'media/sample/tiny-assistant');
  const sha256 = await sha256File(join(sample, 'model.safetensors'));
  const folder = await adapter('shape', { role: 'task', baseModel: { sha256 } });
  const { fits, reason } = await inspectAdapter(sample, folder);
  assert.equal(fits, false);
  assert.match(reason ?? '', /this adapter is for another model/);
});

test('weights that are replaced are hashed again', async () => {
  const sha256 = await sha256File(join(model, 'model.safetensors'));
  const own = await adapter('again', { role: 'task', baseModel: { sha256 } });
  assert.equal((await inspectAdapter(model, own)).fits, true);
  await cp(join(ROOT, 'test/fixtures/reference/llama/model.safetensors'), join(model, 'model.safetensors'));
  const handle = await open(join(model, 'model.safetensors'), 'r+');
  const { size } = await handle.stat();
  await handle.write(Buffer.from([1, 2, 3, 4]), 0, 4, size - 4);
  await handle.close();
  await utimes(join(model, 'model.safetensors'), new Date(), new Date(Date.now() + 5000));
  assert.equal((await inspectAdapter(model, own)).fits, false);
});
