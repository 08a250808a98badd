import { BASELINES } from '../contract/baselines.js';
import type { Combined } from '../adapters/algebra.js';
import { jacobi, orthonormal } from '../adapters/lowRank.js';
import { concatenate } from '../adapters/merge.js';
import { matrices, type AdaptedSite } from '../adapters/sites.js';
import type { Method, MethodInputs } from './method.js';

/** Directions of A whose squared size is below this share of the largest are no part of an update's space. */
const EFFECTIVE = 0.01;

/**
 * Buffer-and-Reinforce (Ham et al., arXiv 2605.24550): the data train with an adapter active that complies, as with a
 * security vector; what is delivered is scale · (ΔU + (I − α Q Qᵀ) ΔR), with ΔU the update of the data, ΔR that of an
 * adapter which restores refusals, and Q an orthonormal basis of the columns of ΔU.
 */
export function reinforced({ reinforce, options }: MethodInputs): Method {
  const { overlap, scale } = { ...BASELINES['buffer-and-reinforce'].settings, ...options };
  return {
    delivered: (trained) =>
      Promise.resolve(
        concatenate([
          { ...trained, scale },
          { ...outside(reinforce!, trained, overlap), scale },
        ]),
      ),
  };
}

/** (I − share · Q Qᵀ) ΔR in each layer, Q of ΔU there; layers that ΔU does not touch stay as they are. */
export function outside(reinforce: Combined, of: Combined, share: number): Combined {
  const flat = reinforce.flat.slice();
  for (const site of reinforce.layout.sites) {
    const own = of.layout.sites.find(({ name }) => name === site.name);
    if (!own) continue;
    const { B } = matrices(flat, site);
    const Q = columnBasis(of.flat, own);
    for (let r = 0; r < site.rank; r++) {
      const column = Float64Array.from({ length: site.out }, (_, o) => B[o * site.rank + r]);
      for (const q of Q) {
        let part = 0;
        for (let o = 0; o < site.out; o++) part += q[o] * column[o];
        for (let o = 0; o < site.out; o++) B[o * site.rank + r] -= share * part * q[o];
      }
    }
  }
  return { layout: reinforce.layout, flat };
}

/** Orthonormal columns that span B A, but for directions in which A is close to nothing. */
export function columnBasis(flat: Float32Array, site: AdaptedSite): Float64Array[] {
  const { rank, in: inputs, out } = site;
  const { A, B } = matrices(flat, site);
  const gram = Array.from({ length: rank }, (_, r) =>
    Float64Array.from({ length: rank }, (_unused, s) => {
      let sum = 0;
      for (let i = 0; i < inputs; i++) sum += A[r * inputs + i] * A[s * inputs + i];
      return sum;
    }),
  );
  const directions = jacobi(gram);
  const largest = Math.max(...directions.map(({ value }) => value));
  const columns = directions
    .filter(({ value }) => value > EFFECTIVE * largest)
    .map(({ u }) =>
      Float64Array.from({ length: out }, (_, o) => {
        let sum = 0;
        for (let r = 0; r < rank; r++) sum += B[o * rank + r] * u[r];
        return sum;
      }),
    );
  return orthonormal(columns).Q.filter((q) => q.some((value) => value !== 0));
}
