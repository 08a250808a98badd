import { readFloat32 } from '../models/weights/safetensors.js';
import type { Site } from '../adapters/sites.js';
import { HumanError } from '../support/errors.js';
import { findTensor } from '../models/decoder/weights.js';
import type { Builder } from '../onnx/graph.js';
import { type Value } from '../onnx/graph.js';
import { Div, Gemm, MatMul } from '../onnx/ops.js';
import { float32, scalar, type Feeds } from '../device/session.js';
import type { MethodInputs } from './method.js';

/** What alignment has changed of a layer: V = W_aligned − W_unaligned, [out, in], and its Frobenius norm. */
export interface Change {
  readonly V: Float32Array;
  readonly norm: number;
}

/**
 * Reads what alignment has changed, layer by layer.
 * @throws HumanError for an unaligned model of other shapes
 */
const alignmentOf =
  ({ context: { model, sites }, unaligned }: Pick<MethodInputs, 'context' | 'unaligned'>) =>
  async ({ name }: Pick<Site, 'name'>): Promise<Change> => {
    const { in: inputs, out, transposed } = sites.find((site) => site.name === name)!;
    const shape = transposed ? [inputs, out] : [out, inputs];
    const [aligned, before] = await Promise.all(
      [model, unaligned!].map(async (of) => readFloat32(findTensor(of.tensors, `${name}.weight`, shape))),
    );
    const V = new Float32Array(out * inputs);
    let squares = 0;
    for (let o = 0; o < out; o++)
      for (let i = 0; i < inputs; i++) {
        const at = transposed ? i * out + o : o * inputs + i;
        const changed = aligned[at] - before[at];
        V[o * inputs + i] = changed;
        squares += changed * changed;
      }
    return { V, norm: Math.sqrt(squares) };
  };

/** Layers that alignment has changed; the others have no direction. @throws HumanError where it has changed none */
export async function changesOf(inputs: MethodInputs, sites: readonly Site[]): Promise<Map<string, Change>> {
  const read = alignmentOf(inputs);
  const changes = new Map<string, Change>();
  for (const site of sites) {
    const change = await read(site);
    if (change.norm > 0) changes.set(site.name, change);
  }
  if (changes.size > 0) return changes;
  throw new HumanError('the aligned and the unaligned model are the same in all layers that are trained.', {
    place: 'baseline.unaligned',
    remedy: 'Name the model before its alignment.',
  });
}

/** C X = V (Vᵀ X) / ‖V‖ for X [out, R], the authors' approximation of the projection on the columns of V. */
export const projected = (g: Builder, V: Value, norm: Value, X: Value): Value =>
  Div(g, MatMul(g, V, Gemm(g, V, X, { transA: true })), norm);

/** Inputs `V` [O, I] and `norm` []. */
export const directionInputs = (g: Builder): { V: Value; norm: Value } => ({
  V: g.input('V', g.float, ['O', 'I']),
  norm: g.input('norm', g.float, []),
});
export const directionFeeds = ({ V, norm }: Change, out: number): Feeds => ({
  V: float32(V, [out, V.length / out]),
  norm: scalar(norm),
});
