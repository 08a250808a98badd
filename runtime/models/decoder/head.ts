import type { Builder, Value } from '../../onnx/graph.js';
import { Gemm, Mul } from '../../onnx/ops.js';
import { softcap } from './activations.js';
import type { Weight } from './norms.js';
import { embeddingSize, type DecoderSpec } from './spec.js';

/** The parameters of the vocabulary projection: its weight [V, E], and its bias [V] where it has one. */
export function headWeights(g: Builder, spec: DecoderSpec, weight: Weight): Value[] {
  const { head, vocabSize } = spec;
  return g.named(head.name, () => [
    weight(head.weight, [vocabSize, embeddingSize(spec)]),
    ...(head.bias ? [weight(`${head.name}.bias`, [vocabSize])] : []),
  ]);
}

/** Logits [n, V] of rows [n, E]. */
export function headLogits(g: Builder, { head }: DecoderSpec, rows: Value, [w, c]: readonly Value[]): Value {
  return g.named(head.name, () => {
    const product = Gemm(g, rows, w, { transB: true, c });
    const scaled = head.scale === 1 ? product : Mul(g, product, g.scalar(head.scale));
    return head.softcap === undefined ? scaled : softcap(g, scaled, head.softcap);
  });
}
