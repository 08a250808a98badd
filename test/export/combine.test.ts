/** One adapter computed from several, through the call that the command line makes. */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { readAdapter, ROLE_FILE, WEIGHTS_FILE } from '../../runtime/adapters/files.js';
import { calls } from '../../runtime/calls/calls.js';
import { linearLayers } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { openModel } from '../../runtime/models/folder.js';
import { bytesOf, writeSafetensors } from '../../runtime/models/weights/safetensors.js';
import { sha256File } from '../../runtime/support/files.js';
import { random } from '../../runtime/support/random.js';
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

it('says of the adapter that is projected on, too, that its layers for images are not computed', async () => {
  const { folder: model } = await loadReference('gemma3_image');
  const [site] = linearLayers(decoderSpec((await openModel(model, { cache: here.file('cache') })).config));
  const made = async (name: string, modules: Record<string, [rows: number, columns: number]>): Promise<string> => {
    const rng = random(name);
    const tensors = Object.entries(modules).flatMap(([module, [rows, columns]]) =>
      (
        [
          ['A', [2, columns]],
          ['B', [rows, 2]],
        ] as const
      ).map(([side, shape]) => {
        const data = bytesOf(Float32Array.from({ length: shape[0] * shape[1] }, () => rng.normal()));
        return { name: `base_model.model.${module}.lora_${side}.weight`, dtype: 'F32' as const, shape, bytes: data.length, data: () => data }; // oxfmt-ignore
      }),
    );
    const path = here.file(name);
    await mkdir(path);
    await cp(join(adapterOf('llama', 'task'), 'adapter_config.json'), join(path, 'adapter_config.json'));
    const config = JSON.parse(await readFile(join(path, 'adapter_config.json'), 'utf8')) as object;
    await writeFile(join(path, 'adapter_config.json'), JSON.stringify({ ...config, r: 2, target_modules: Object.keys(modules) })); // oxfmt-ignore
    await writeSafetensors(join(path, WEIGHTS_FILE), tensors);
    return path;
  };
  const text = { [site!.name]: [site!.out, site!.in] as [number, number] };
  const vision = `model.vision_tower.encoder.layers.0.${site!.name.split('.').at(-1)}`;
  const [task, other] = [await made('text', text), await made('both', { ...text, [vision]: [6, 4] })];
  const said: string[] = [];
  const reporter = { ...silent, onLog: (_: string, message: string) => void said.push(message) };
  await calls.combine({ model, adapters: [at(task)], off: other, out: here.file('projected') }, reporter);
  assert.equal(said.filter((one) => /1 of its layers are for images/.test(one)).length, 1, said.join());
});
