import type { Builder, Value } from '../../onnx/graph.js';
import { Gemm, MatMul, MatrixTranspose, Reshape } from '../../onnx/ops.js';
import { product } from '../../onnx/shapes.js';
import type { Rules } from './rule.js';

/**
 * Aᵀ·Y. Where A is long and Y narrow (shares of attention, a head's context) as (Yᵀ·A)ᵀ: A is not written a second
 * time.
 */
function transposedProduct(g: Builder, a: Value, y: Value): Value {
  const isNarrow = typeof y.shape.at(-1) === 'number' && typeof a.shape.at(-1) !== 'number';
  return isNarrow ? MatrixTranspose(g, MatMul(g, MatrixTranspose(g, y), a)) : MatMul(g, MatrixTranspose(g, a), y);
}

/** All axes but the last as one. */
const rows = (g: Builder, x: Value): Value => Reshape(g, x, [product(x.shape.slice(0, -1)), x.shape.at(-1)!]);

export const linalg = {
  /**
   * Y = α·op(A)·op(B) + C. Every case is again one Gemm: transposition is a flag, no matrix is transposed in memory.
   */
  Gemm: (g, { inputs, attributes }, [dY], needsGrad) => {
    const [a, b] = inputs;
    const transA = attributes.transA === 1;
    const transB = attributes.transB === 1;
    const alpha = attributes.alpha?.float;
    const dA = (): Value =>
      transA
        ? Gemm(g, b, dY, { transA: transB, transB: true, alpha }) // dA = op(B)·dYᵀ
        : Gemm(g, dY, b, { transB: !transB, alpha }); // dA = dY·op(B)ᵀ
    const dB = (): Value =>
      transB
        ? Gemm(g, dY, a, { transA: true, transB: transA, alpha }) // dB = dYᵀ·op(A)
        : Gemm(g, a, dY, { transA: !transA, alpha }); // dB = op(A)ᵀ·dY
    const factors = [needsGrad[0] ? dA() : null, needsGrad[1] ? dB() : null] as const;
    return inputs.length === 2 ? factors : [...factors, needsGrad[2] ? dY : null];
  },

  /** dA = dY·Bᵀ, dB = Aᵀ·dY; leading axes that were broadcast are summed by the walk. */
  MatMul: (g, { inputs: [a, b] }, [dY], needsGrad) => {
    if (b.shape.length === 2) {
      // one matrix for all rows: Gemm takes it as it is, and dB needs no sum over a batch of matrices
      const dRows = rows(g, dY);
      return [
        needsGrad[0] ? Reshape(g, Gemm(g, dRows, b, { transB: true }), a.shape) : null,
        needsGrad[1] ? Gemm(g, rows(g, a), dRows, { transA: true }) : null,
      ];
    }
    return [
      needsGrad[0] ? MatMul(g, dY, MatrixTranspose(g, b)) : null,
      needsGrad[1] ? transposedProduct(g, a, dY) : null,
    ];
  },
} satisfies Rules;
