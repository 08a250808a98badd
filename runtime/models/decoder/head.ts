import type { Builder, Value } from '../../onnx/graph.js';
import { Add, Concat, Gemm, Mul } from '../../onnx/ops.js';
import { softcap } from './activations.js';
import type { Weight } from './norms.js';
import { embeddingSize, type DecoderSpec } from './spec.js';

/** The vocabulary projection. */
interface Head {
  /** What it reads of the model: values of the graph. */
  readonly weights: readonly Value[];
  /**
   * Logits [n, V] of rows [n, E].
   * @param weights the same, as values of `b`: of the graph, or of a body in it
   */
  logits(b: Builder, rows: Value, weights: readonly Value[]): Value;
}

/**
 * The head with its weight [V, E], and its bias [V] where it has one.
 * @param inPieces a weight in blocks is dequantised a part of the vocabulary at a time, where it is used: it is never
 * whole in memory
 */
export function openHead(g: Builder, spec: DecoderSpec, weight: Weight, inPieces = false): Head {
  const { head, vocabSize } = spec;
  return g.named(head.name, () => {
    const shape = [vocabSize, embeddingSize(spec)] as const;
    const pieces = (inPieces ? weight.pieces?.(head.weight, shape) : undefined) ?? [
      { stored: [weight(head.weight, shape)], read: (_: Builder, [w]: readonly Value[]) => w },
    ];
    const stored = pieces.flatMap((piece) => piece.stored);
    const bias = head.bias ? [weight(`${head.name}.bias`, [vocabSize])] : [];
    return {
      weights: [...stored, ...bias],
      logits: (b, rows, given) =>
        b.named(head.name, () => {
          const rest = given.slice(0, stored.length);
          // each is read where it is used: the next one takes its memory
          const parts = pieces.map((piece) => () => piece.read(b, rest.splice(0, piece.stored.length)));
          const c = given.at(stored.length);
          const product = joined(b, rows, parts, c);
          const scaled = head.scale === 1 ? product : Mul(b, product, b.scalar(head.scale));
          return head.softcap === undefined ? scaled : softcap(b, scaled, head.softcap);
        }),
    };
  });
}

/** rows · wᵀ + c, w in parts of its rows. */
function joined(b: Builder, rows: Value, parts: readonly (() => Value)[], c: Value | undefined): Value {
  if (parts.length === 1) return Gemm(b, rows, parts[0](), { transB: true, c });
  const products = parts.map((part) => Gemm(b, rows, part(), { transB: true }));
  const product = Concat(b, products, 1);
  return c ? Add(b, product, c) : product;
}
