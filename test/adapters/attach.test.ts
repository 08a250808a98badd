/** Adapters that are inputs of a session compute what adapters in the graph do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attachable, attached } from '../../runtime/adapters/attach.js';
import { generationGraph } from '../../runtime/evaluation/inference/generate.js';
import { logitsOf, positions } from '../../runtime/export/compare.js';
import { linearLayers } from '../../runtime/models/decoder/spec.js';
import { weightsFolder } from '../../runtime/models/decoder/weights.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32, int64 } from '../../runtime/device/session.js';
import { layout } from '../../runtime/adapters/sites.js';
import { random } from '../../runtime/support/random.js';
import { adapterOf, at, subject } from '../export/support.js';
import { loadReference } from '../support/reference.js';

const [B, T] = [2, 5];
const rng = random('attach');

// biases; one product for queries, keys and values, stored transposed
for (const family of ['llama', 'qwen2', 'gpt2'])
  test(`${family}: one session gives the logits of each set of adapters within 1e-5`, async () => {
    const { folder } = await loadReference(family);
    const [task, vector] = [adapterOf(family, 'task'), adapterOf(family, 'security')];
    const backend = await openBackend('cpu', 1);
    const { model, spec } = await subject(folder, '');
    const sites = linearLayers(spec);
    const session = await backend.session(generationGraph({ spec, model, adapters: [], sites }), {
      folder: weightsFolder(model),
    });
    const ids = Array.from({ length: B * T }, () => rng.int(spec.vocabSize));
    const pasts = spec.layers.flatMap(({ attention: { kvHeads, headDim } }, i) =>
      ['key', 'value'].map((side) => {
        const dims = [B, kvHeads, 1, headDim];
        return [`past_key_values.${i}.${side}`, float32(new Float32Array(B * kvHeads * headDim), dims)] as const;
      }),
    );
    const sets = [[], [at(task)], [at(vector, -0.5)], [at(task, 1.5), at(vector), at(task, 0)]];
    for (const adapters of sets) {
      const what = await subject(folder, '', adapters);
      const matrices = [...attached(sites, what.adapters)].map(([name, { data, dims }]) => [name, float32(data, dims)]);
      const { logits } = await session.run({
        ...Object.fromEntries(matrices),
        ...Object.fromEntries(pasts),
        input_ids: int64(ids, [B, T]),
        position_ids: int64(positions(B, 0, T), [B, T]),
        // the one position of the empty cache is no token
        attention_mask: int64(
          Array.from({ length: B * (T + 1) }, (_, i) => Math.min(1, i % (T + 1))),
          [B, T + 1],
        ),
        targets: int64([...Array(B * T).keys()], [B * T]),
      });
      const got = await backend.read(logits!);
      const want = await logitsOf(backend, what, { B, T, ids });
      assert.equal(got.length, want.length);
      got.forEach((x, i) => assert.ok(Math.abs(x - want[i]!) < 1e-5, `logit ${i}: ${x} instead of ${want[i]}`));
    }
    await session.dispose();
  });

test('a layer that the model or the graph lacks is an error', async () => {
  const { folder } = await loadReference('llama');
  const { model, spec } = await subject(folder, '');
  const other = { name: 'other', in: 4, out: 3 };
  const graph = generationGraph({ spec, model, adapters: [] });
  assert.throws(() => attachable(graph, [other]), /no linear layer in the graph for other/);
  const own = layout([{ ...other, rank: 1, scale: 1 }]);
  const adapter = { layout: own, flat: new Float32Array(own.size), scale: 1 };
  assert.throws(() => attached(linearLayers(spec), [adapter]), /takes no adapter on other/);
});
