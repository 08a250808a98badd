import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openModel } from '../../runtime/models/folder.js';
import { bytesOf, writeSafetensors } from '../../runtime/models/weights/safetensors.js';
import { damageJsonText, damageText, JSON_WORDS } from './damage.js';
import { fuzz } from './harness.js';

const INDEX = 'model.safetensors.index.json';
const GOOD = {
  metadata: { total_size: 12 },
  weight_map: { a: 'one.safetensors', b: 'sub/two.safetensors', c: 'linked.safetensors' },
};

/** All of these are there, with every tensor that the index names: whoever opens one of them has left the folder. */
const OUTSIDE = ['outside.safetensors', 'model-2/one.safetensors'];

const shard = (file: string) =>
  writeSafetensors(
    file,
    ['a', 'b', 'c'].map((name) => {
      const data = bytesOf(Float32Array.of(1));
      return { name, dtype: 'F32', shape: [1], bytes: 4, data: () => data };
    }),
  );

fuzz<{ index: string; config: string }>({
  name: 'sharded index',
  rounds: 180,
  sources: async (folder) => {
    const model = join(folder, 'model');
    mkdirSync(join(model, 'sub'), { recursive: true });
    for (const name of ['one.safetensors', 'sub/two.safetensors']) await shard(join(model, name));
    for (const name of OUTSIDE) await shard(join(folder, name));
    // A link is made by the user's own tools, such as the Hub's cache, and may lead to where the bytes are; a name may
    // not.
    symlinkSync(join(folder, OUTSIDE[0]!), join(model, 'linked.safetensors'));
    symlinkSync(join(model, 'round.safetensors'), join(model, 'round.safetensors'));
    symlinkSync('/dev/zero', join(model, 'endless.safetensors'));
    symlinkSync(folder, join(model, 'up.safetensors'));
    return [{ index: JSON.stringify(GOOD), config: '{"model_type":"llama"}' }];
  },
  damage: ({ index: before, config }, rng) => {
    const values = [
      ...['../outside.safetensors', 'sub/../../outside.safetensors', './one.safetensors', 'sub//two.safetensors'],
      ...['../model/one.safetensors', '..\\outside.safetensors', '/dev/shm/x.safetensors', 'c:one.safetensors', '../model-2/one.safetensors'],
      ...['one.safetensors/../../outside.safetensors', 'one.safetensors\0', '..', '.', 'sub', '', 'config.json', '../../etc/passwd'],
      ...['round.safetensors', 'endless.safetensors', 'up.safetensors', 'up.safetensors/outside.safetensors', `${'x'.repeat(300)}.safetensors`],
      ...[`${'x/'.repeat(3000)}x.safetensors`, 'one.safetensors/x.safetensors', '%2e%2e/outside.safetensors', 'one.safetensors', 'linked.safetensors'],
    ]; // oxfmt-ignore
    const index = damageJsonText(before, rng, values);
    return {
      index: rng.int(6) ? index : damageText(index, rng, [...JSON_WORDS, '../', '/', '..\\']),
      config: rng.int(10) ? config : damageJsonText(config, rng),
    };
  },
  load: async ({ index, config }, folder) => {
    const model = join(folder, 'model');
    writeFileSync(join(model, INDEX), index);
    writeFileSync(join(model, 'config.json'), config);
    const { tensors } = await openModel(model, { cache: join(folder, 'cache') });
    assert(!existsSync(join(folder, 'cache')));
    for (const { name, file } of tensors.values()) {
      assert(file.startsWith(`${model}/`) || file === join(folder, OUTSIDE[0]!), `${name} is read from ${file}`);
      if (!file.startsWith(`${model}/`)) assert(/linked|up/.test(index), index);
    }
  },
});
