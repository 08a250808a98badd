import { sum } from '../contract/sum.js';
import { layout as layOut, matrices, type AdaptedSite, type Layout } from './sites.js';

/** An adapter with the factor it is used with. */
export interface ScaledAdapter {
  readonly layout: Layout;
  readonly flat: Float32Array;
  readonly scale: number;
}

/** The adapters that do something at a layer, and their site there. */
function at(name: string, adapters: readonly ScaledAdapter[]): { site: AdaptedSite; adapter: ScaledAdapter }[] {
  return adapters.flatMap((adapter) => {
    const site = adapter.scale === 0 ? undefined : adapter.layout.sites.find((s) => s.name === name);
    return site ? [{ site, adapter }] : [];
  });
}

/** Whether merging would change this layer. */
export const touches = (name: string, adapters: readonly ScaledAdapter[]): boolean => at(name, adapters).length > 0;

/**
 * W + Σ scale · s · B A for one layer, added up in float64 and rounded once.
 * @param weight [out, in] row-major, or [in, out] where `transposed` (Conv1D); changed in place
 */
export function mergeInto(
  weight: Float32Array,
  name: string,
  transposed: boolean,
  adapters: readonly ScaledAdapter[],
): Float32Array {
  const active = at(name, adapters).map(({ site, adapter: { flat, scale } }) => ({
    ...matrices(flat, site),
    rank: site.rank,
    factor: scale * site.scale,
  }));
  const shape = at(name, adapters)[0]?.site;
  if (!shape) return weight;
  const { in: inputs, out } = shape;
  const row = new Float64Array(inputs);
  for (let o = 0; o < out; o++) {
    row.fill(0);
    for (const { A, B, rank, factor } of active) {
      for (let r = 0; r < rank; r++) {
        const b = factor * B[o * rank + r];
        for (let i = 0; i < inputs; i++) row[i] += b * A[r * inputs + i];
      }
    }
    for (let i = 0; i < inputs; i++) {
      const where = transposed ? i * out + o : o * inputs + i;
      weight[where] = weight[where] + row[i];
    }
  }
  return weight;
}

/**
 * Several adapters as one, exactly: Σ fₖ Bₖ Aₖ = [f₁B₁, f₂B₂, …] · [A₁; A₂; …]. A layer's rank is the sum of those that
 * sit on it, its scale 1.
 */
export function concatenate(adapters: readonly ScaledAdapter[]): { layout: Layout; flat: Float32Array } {
  const names = new Set(adapters.flatMap(({ layout }) => layout.sites.map((s) => s.name)));
  const parts = [...names].map((name) => at(name, adapters)).filter((found) => found.length > 0);
  const layout = layOut(
    parts.map((found) => ({
      ...found[0].site,
      rank: sum(found.map(({ site }) => site.rank)),
      scale: 1,
    })),
  );
  const flat = new Float32Array(layout.size);
  layout.sites.forEach((whole, n) => {
    const into = matrices(flat, whole);
    let row = 0; // of A, and column of B
    for (const { site, adapter } of parts[n]) {
      const { A, B } = matrices(adapter.flat, site);
      const factor = adapter.scale * site.scale;
      into.A.set(A, row * site.in);
      scaleColumns(B, factor, site.rank, into.B, whole.rank, row);
      row += site.rank;
    }
  });
  return { layout, flat };
}

/** factor · B [out, rank] into the columns of another matrix, of rank `width`, from `column` on. */
function scaleColumns(
  B: Float32Array,
  factor: number,
  rank: number,
  into: Float32Array,
  width: number,
  column: number,
): void {
  for (let from = 0, to = column; from < B.length; from += rank, to += width)
    for (let r = 0; r < rank; r++) into[to + r] = factor * B[from + r];
}
