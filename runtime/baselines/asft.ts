import { BASELINES } from '../contract/baselines.js';
import { matrices, type AdaptedSite } from '../adapters/sites.js';
import { backward } from '../autodiff/backward.js';
import { float32, scalar, type Session } from '../device/session.js';
import { Builder, type Graph } from '../onnx/graph.js';
import { Gemm, Mul, ReduceSum, Sub } from '../onnx/ops.js';
import { directionFeeds, directionInputs, changesOf, projected, type Change } from './alignment.js';
import type { Method, MethodInputs } from './method.js';

/**
 * AsFT (Yang et al., arXiv 2506.08473): the loss has a term λ Σ ‖(I − C) ΔW‖² over the layers, which holds the update
 * to what alignment has changed there.
 */
export async function asft(inputs: MethodInputs): Promise<Method> {
  const { context, options, layout } = inputs;
  const { weight } = { ...BASELINES.asft.settings, ...options };
  const changes = await changesOf(inputs, layout!.sites);
  let session: Promise<Session> | undefined;
  return {
    gradients: async ([own], { p: [flat] }) => {
      session ??= context.backend.session(orthogonalGraph());
      const sum = own.slice();
      for (const site of layout!.sites) {
        const change = changes.get(site.name);
        if (change) await addGradient(sum, flat, site, change);
      }
      return [sum];
    },
    dispose: async () => (await session)?.dispose(),
  };

  async function addGradient(sum: Float32Array, flat: Float32Array, site: AdaptedSite, change: Change): Promise<void> {
    const { A, B } = matrices(flat, site);
    const { dA, dB } = await (
      await session!
    ).run({
      ...directionFeeds(change, site.out),
      A: float32(A, [site.rank, site.in]),
      B: float32(B, [site.out, site.rank]),
      factor: scalar(weight * site.scale ** 2),
    });
    const into = matrices(sum, site);
    (await context.backend.read(dA)).forEach((value, i) => (into.A[i] += value));
    (await context.backend.read(dB)).forEach((value, i) => (into.B[i] += value));
  }
}

/** loss = factor · ‖(I − C) B A‖² with its gradients dA [R, I], dB [O, R]; ‖P A‖² = Σ (Pᵀ P) ∘ (A Aᵀ). */
export function orthogonalGraph(): Graph {
  const g = new Builder('orthogonal');
  const { V, norm } = directionInputs(g);
  const A = g.input('A', g.float, ['R', 'I']);
  const B = g.input('B', g.float, ['O', 'R']);
  const factor = g.input('factor', g.float, []);
  const P = Sub(g, B, projected(g, V, norm, B));
  const squares = Mul(g, Gemm(g, P, P, { transA: true }), Gemm(g, A, A, { transB: true }));
  const loss = g.outputAs('loss', Mul(g, ReduceSum(g, squares, [0, 1], false), factor));
  return backward(g.graph(), loss, [A, B], { names: ['dA', 'dB'] }).graph;
}
