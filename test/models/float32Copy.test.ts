/** Weights of 16 bits that are mapped as a copy in float32. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { sum } from '../../runtime/contract/sum.js';
import { flatInput } from '../../runtime/adapters/inject.js';
import { initialise, plainLayout } from '../../runtime/adapters/sites.js';
import { openContext } from '../../runtime/context/context.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import type { Backend } from '../../runtime/device/session.js';
import { plannedModel } from '../../runtime/estimate/model.js';
import { openGenerator } from '../../runtime/evaluation/inference/generate.js';
import { openLearner } from '../../runtime/learner/learner.js';
import { flatTensor } from '../../runtime/learner/rows.js';
import { listCache } from '../../runtime/models/cache/userCache.js';
import { linearLayers, type DecoderSpec } from '../../runtime/models/decoder/spec.js';
import { openFrozen } from '../../runtime/models/openFrozen.js';
import { asFloat32, copyAsFloat32 } from '../../runtime/models/packed/float32Copy.js';
import type { ModelFolder } from '../../runtime/models/weights/modelFolder.js';
import { random } from '../../runtime/support/random.js';
import { sampleIn16Bits } from '../support/in16Bits.js';
import { randomRows } from '../support/randomRows.js';

const SAMPLE = join(import.meta.dirname, '../../media/sample/tiny-assistant');

let dir: string;
let cpu: Backend;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'float32-copy-'));
  cpu = await openBackend('cpu', 1);
});
after(() => rm(dir, { recursive: true, force: true }));

const half = (dtype: 'BF16' | 'F16'): Promise<string> => sampleIn16Bits(dir, dtype);

/** Losses, gradients of an adapter and answers of a model. */
async function resultsOf(spec: DecoderSpec, model: ModelFolder) {
  const layout = plainLayout(linearLayers(spec), { rank: 4, alpha: 8, sites: 'all-linear' });
  const adapters = [{ name: 'task', layout }];
  const learner = openLearner({ backend: cpu, spec, model, adapters, trainable: [flatInput('task')] });
  const rows = randomRows([12, 7], spec, random('rows'), { task: 1 });
  const parameters = {
    [flatInput('task')]: flatTensor(initialise(layout, random('adapter')).map((x, i) => x + (i % 7) / 500)),
  };
  const found = await learner.gradients(rows, parameters);
  await learner.dispose();
  const generator = await openGenerator({ backend: cpu, spec, model, adapters: [], stopIds: [] });
  const answers = await generator.generate([[5, 6, 7]], { maxNewTokens: 8, temperature: 0, topP: 1 });
  await generator.dispose();
  return { losses: found.rows, gradients: await Promise.all(found.gradients.map((one) => cpu.read(one))), answers };
}

for (const dtype of ['BF16', 'F16'] as const)
  it(`${dtype}: losses, gradients and answers are the same to the bit, and the copy is made once`, async () => {
    const cache = await mkdtemp(join(dir, 'cache-'));
    const said: string[] = [];
    const options = { cache, onMessage: (text: string) => void said.push(text) };
    const folder = await half(dtype);
    const { model, spec } = await openFrozen(folder, options);
    const copied = await copyAsFloat32(model, spec, options);
    assert.ok([...copied.beside!.values()].every((info) => info.dtype === 'F32' && info.file.startsWith(cache)));
    assert.match(
      said.join(),
      /^Copying the weights of \S+ as float32, which is faster, [\d.]+ MB; this is done once\.$/,
    );
    assert.deepEqual(await resultsOf(spec, copied), await resultsOf(spec, model));

    await copyAsFloat32(model, spec, options);
    assert.equal(said.length, 1);
    const [entry] = (await listCache(cache)).entries;
    assert.equal(entry!.file, folder);
    const mapped = sum([...copied.beside!.values()].map(({ bytes }) => bytes));
    assert.equal((await plannedModel(folder)).bytes, mapped);
    assert.equal(
      (await plannedModel(folder, 'float32', 'webgpu')).bytes,
      mapped,
      'on the device they are in float32, too',
    );
    assert.ok((await plannedModel(folder, 'float32', 'cuda')).bytes < mapped);
  });

it('a model in float32, one in blocks and one too large for the memory are mapped as they are', async () => {
  const cache = join(dir, 'none');
  const copiesOf = async (folder: string, precision: 'float32' | 'int4', limit?: number) => {
    const { model, spec } = await openFrozen(folder, { cache, precision });
    return asFloat32(model, spec, limit);
  };
  const folder = await half('BF16');
  assert.equal(await copiesOf(SAMPLE, 'float32'), undefined);
  assert.equal(await copiesOf(folder, 'int4'), undefined);
  const bytes = sum((await copiesOf(folder, 'float32'))!.map((info) => info.bytes));
  assert.ok(await copiesOf(folder, 'float32', 4 * bytes));
  assert.equal(await copiesOf(folder, 'float32', 4 * bytes - 1), undefined);
});

it('a copy that cannot be kept is no error; a stop is', async () => {
  const folder = await half('F16');
  const blocked = join(dir, 'a file');
  await writeFile(blocked, '');
  const said: string[] = [];
  const options = { cache: join(blocked, 'cache'), onMessage: (text: string) => void said.push(text) };
  const { model, spec } = await openFrozen(folder, options);
  assert.equal(await copyAsFloat32(model, spec, options), model);
  assert.match(
    said.join(),
    /^The weights are converted to float32 at each use, which is slower, as no copy can be kept: ./,
  );
  const stopped = { cache: join(dir, 'stopped'), signal: AbortSignal.abort() };
  await assert.rejects(copyAsFloat32(model, spec, stopped), { name: 'Cancelled' });
  assert.deepEqual((await listCache(stopped.cache)).entries, []);
});

it('who opens a model can stop the copy, also of weights in blocks', async (t) => {
  const folder = await half('F16');
  const before = process.env['SECURITY_VECTORS_CACHE'];
  const cache = (process.env['SECURITY_VECTORS_CACHE'] = join(dir, 'opened'));
  t.after(() => {
    if (before === undefined) delete process.env['SECURITY_VECTORS_CACHE'];
    else process.env['SECURITY_VECTORS_CACHE'] = before;
  });
  for (const precision of ['float32', 'int8'] as const) {
    const stop = new AbortController();
    const onMessage = (text: string): void => (/this is done once/.test(text) ? stop.abort() : undefined);
    const options = {
      device: 'cpu',
      precision,
      scratch: join(dir, 'scratch'),
      onMessage,
      signal: stop.signal,
    } as const;
    await assert.rejects(openContext(folder, options), { name: 'Cancelled' });
    assert.ok(stop.signal.aborted);
  }
  assert.deepEqual((await listCache(cache)).entries, []);
});
