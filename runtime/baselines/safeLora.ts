import { BASELINES } from '../contract/baselines.js';
import { matrices, type AdaptedSite } from '../adapters/sites.js';
import { float32 } from '../device/session.js';
import { Builder, type Graph } from '../onnx/graph.js';
import { changesOf, directionFeeds, directionInputs, projected } from './alignment.js';
import type { Method, MethodInputs } from './method.js';

/**
 * Safe LoRA (Hsu et al., arXiv 2405.16833): after training, the update B A of a layer becomes C B A, its projection on
 * what alignment has changed there, where the cosine of both is at most the threshold.
 */
export async function safeLora(inputs: MethodInputs): Promise<Method> {
  const { backend } = inputs.context;
  const { threshold } = { ...BASELINES.safelora.settings, ...inputs.options };
  // A model that does not fit is found before the training.
  const changes = await changesOf(inputs, inputs.layout!.sites);
  return {
    delivered: async ({ layout, flat }) => {
      const session = await backend.session(projectionGraph());
      try {
        const result = flat.slice();
        for (const site of layout.sites) {
          const change = changes.get(site.name);
          if (!change) continue;
          const { A, B } = matrices(result, site);
          const own = float32(B, [site.out, site.rank]);
          const CB = await backend.read((await session.run({ ...directionFeeds(change, site.out), X: own })).Y);
          if (cosine(site, A, CB, B) <= threshold) B.set(CB);
        }
        return { layout, flat: result };
      } finally {
        await session.dispose();
      }
    },
  };
}

/** V [O, I], norm [], X [O, R] → Y = C X [O, R]. */
function projectionGraph(): Graph {
  const g = new Builder('projection');
  const { V, norm } = directionInputs(g);
  g.outputAs('Y', projected(g, V, norm, g.input('X', g.float, ['O', 'R'])));
  return g.graph();
}

/** Of P A and Q A as vectors: ⟨P A, Q A⟩ = Σ (Pᵀ Q) ∘ (A Aᵀ). */
function cosine({ in: inputs, out, rank }: AdaptedSite, A: Float32Array, P: Float32Array, Q: Float32Array): number {
  const inner = (X: Float32Array, Y: Float32Array): number => {
    let total = 0;
    for (let r = 0; r < rank; r++)
      for (let s = 0; s < rank; s++) {
        let [columns, rows] = [0, 0];
        for (let o = 0; o < out; o++) columns += X[o * rank + r] * Y[o * rank + s];
        for (let i = 0; i < inputs; i++) rows += A[r * inputs + i] * A[s * inputs + i];
        total += columns * rows;
      }
    return total;
  };
  const size = Math.sqrt(inner(P, P) * inner(Q, Q));
  return size > 0 ? inner(P, Q) / size : 1;
}
