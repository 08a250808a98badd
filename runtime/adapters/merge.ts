import type { Layout } from './sites.js';
import { matrices } from './sites.js';

export interface MergedAdapter {
  readonly layout: Layout;
  readonly flat: Float32Array;
  readonly scale: number;
}

/**
 * W + Σ scale · s · B A for one layer, computed in float64.
 * @param weight [out, in] row-major, or [in, out] where `transposed` (Conv1D); changed in place
 */
export function mergeInto(weight: Float32Array, name: string, transposed: boolean, adapters: readonly MergedAdapter[]): Float32Array {
  for (const { layout, flat, scale } of adapters) {
    const site = layout.sites.find((s) => s.name === name);
    if (!site || scale === 0) continue;
    const { A, B } = matrices(flat, site);
    const { rank, in: inputs, out } = site;
    const factor = scale * site.scale;
    const row = new Float64Array(inputs);
    for (let o = 0; o < out; o++) {
      row.fill(0);
      for (let r = 0; r < rank; r++) {
        const b = factor * B[o * rank + r]!;
        for (let i = 0; i < inputs; i++) row[i]! += b * A[r * inputs + i]!;
      }
      for (let i = 0; i < inputs; i++) {
        const at = transposed ? i * out + o : o * inputs + i;
        weight[at] = weight[at]! + row[i]!;
      }
    }
  }
  return weight;
}
