import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flatInput } from '../../runtime/adapters/inject.js';
import { initialise, layout as layOut } from '../../runtime/adapters/sites.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { openLearner } from '../../runtime/learner/learner.js';
import { gradientGraph } from '../../runtime/learner/objective.js';
import { flatTensor } from '../../runtime/learner/rows.js';
import { linearLayers } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import type { Graph } from '../../runtime/onnx/graph.js';
import { random } from '../../runtime/support/random.js';
import { loadReference } from '../support/reference.js';
import { randomRows } from '../support/randomRows.js';

const WHOLE = { queries: 1000, scores: Infinity, whole: 0, positions: Infinity, logits: 1e9 };
const PIECES = { queries: 2, scores: Infinity, whole: 0, positions: Infinity, logits: 400 };

/** Values that are made before the loss and read behind it. */
function kept(graph: Graph): string[] {
  const forward = new Set<string>();
  const read = new Set<string>();
  let isForward = true;
  for (const node of graph.nodes) {
    if (node.name.endsWith("'")) isForward = false;
    for (const y of node.outputs) if (isForward && y.dtype === 'float32') forward.add(y.name);
    if (!isForward) for (const x of node.inputs) if (forward.has(x.name)) read.add(x.name);
  }
  return [...read];
}

// one with grouped heads, one with windows, soft caps and norms behind, one with a fused projection and parallel
// branches
for (const family of ['llama', 'gemma2', 'gpt_neox']) {
  test(`gradients of ${family} are the same to the bit when its blocks are computed again, which keeps little`, async () => {
    const model = await loadReference(family);
    const spec = decoderSpec(model.config);
    const backend = await openBackend('cpu', 1);
    const rng = random(family);
    const layout = layOut(linearLayers(spec).map((s) => ({ ...s, rank: 2, scale: 1 })));
    // one with a vector beside what is trained
    const adapters = (family === 'gemma2' ? ['a', 'v'] : ['a']).map((name) => ({ name, layout }));
    const flats = adapters.map(() => initialise(layout, rng).map((x) => x + 0.1 * rng.normal()));
    const parameters = Object.fromEntries(adapters.map(({ name }, i) => [flatInput(name), flatTensor(flats[i]!)]));
    const rows = randomRows([9, 12], spec, rng, { a: 1, v: 2 });
    for (const limits of [WHOLE, PIECES]) {
      const [first, second] = await Promise.all(
        [false, true].map(async (recompute) => {
          const learner = openLearner({
            backend,
            spec,
            model,
            adapters,
            trainable: [flatInput('a')],
            recompute,
            limits,
          });
          const { loss, gradients } = await learner.gradients(rows, parameters);
          const gradient = await backend.read(gradients[0]!);
          await learner.dispose();
          return { loss, gradient };
        }),
      );
      assert.ok(first!.gradient.some((x) => x !== 0));
      assert.deepEqual(second, first);

      const graph = (recompute: boolean): Graph =>
        gradientGraph(
          { spec, model, adapters, recompute, pieces: { attention: limits === PIECES, head: limits === PIECES } },
          [flatInput('a')],
        );
      const inBlocks = (names: string[]): number =>
        names.filter((name) =>
          spec.layers.some((layer) => name.startsWith(`${layer.name}.`) || name.startsWith(`${layer.name}/`)),
        ).length;
      const [all, few] = [inBlocks(kept(graph(false))), inBlocks(kept(graph(true)))];
      // what enters a block, and the contexts of attention in blocks
      assert.ok(few <= 2 * spec.layers.length, `${few} of ${all} values are kept`);
      assert.ok(all >= 8 * spec.layers.length, `${all} values are kept without`);
    }
  });
}
