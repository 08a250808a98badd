/**
 * Sums, parts and approximations of adapters, layer by layer: ΔW = Σ fₖ Bₖ Aₖ. In float64 where numbers are added up.
 */
import { concatenate, type ScaledAdapter } from './merge.js';
import { lowRank } from './lowRank.js';
import { layout as layOut, matrices, type AdaptedSite, type Layout } from './sites.js';

export interface Combined {
  readonly layout: Layout;
  readonly flat: Float32Array;
}

/** What becomes of a sum: without what lies along another adapter, or only that. */
interface Projection {
  readonly along: Combined;
  readonly keep: 'rest' | 'part';
}

/** A sum as one adapter of summed rank, exactly; its scales are 1. */
export const sum = (adapters: readonly ScaledAdapter[]): Combined => concatenate(adapters);

/**
 * In each layer the part of `of` along another adapter, c · ΔV with c = ⟨ΔW, ΔV⟩ / ⟨ΔV, ΔV⟩ (Frobenius), or what is
 * left without it, ΔW − c · ΔV, which is orthogonal to ΔV and of summed rank. Layers without ΔV have no part along it.
 */
export function project(of: Combined, { along, keep }: Projection): Combined {
  const parts = along.layout.sites.flatMap((site) => {
    const own = of.layout.sites.find(({ name }) => name === site.name);
    const whole = inner(along.flat, site, along.flat, site);
    if (!own || !(whole > 0)) return [];
    return [{ site, factor: inner(of.flat, own, along.flat, site) / whole }];
  });
  const layout = layOut(parts.map(({ site }) => site));
  const flat = new Float32Array(layout.size);
  layout.sites.forEach((site, i) => {
    const [into, from] = [matrices(flat, site), matrices(along.flat, parts[i].site)];
    into.A.set(from.A);
    from.B.forEach((value, at) => (into.B[at] = parts[i].factor * value));
  });
  const part = { layout, flat, scale: 1 };
  return keep === 'part'
    ? concatenate([part])
    : concatenate([
        { ...of, scale: 1 },
        { ...part, scale: -1 },
      ]);
}

/** ⟨s₁B₁A₁, s₂B₂A₂⟩ = s₁s₂ Σ (B₁ᵀB₂) ∘ (A₁A₂ᵀ). */
function inner(first: Float32Array, one: AdaptedSite, second: Float32Array, two: AdaptedSite): number {
  const [p, q] = [matrices(first, one), matrices(second, two)];
  let total = 0;
  for (let r = 0; r < one.rank; r++)
    for (let s = 0; s < two.rank; s++) {
      let [columns, rows] = [0, 0];
      for (let o = 0; o < one.out; o++) columns += p.B[o * one.rank + r] * q.B[o * two.rank + s];
      for (let i = 0; i < one.in; i++) rows += p.A[r * one.in + i] * q.A[s * two.in + i];
      total += columns * rows;
    }
  return one.scale * two.scale * total;
}

/** Frobenius norm of a layer's update. */
const normAt = (flat: Float32Array, site: AdaptedSite): number => Math.sqrt(Math.max(0, inner(flat, site, flat, site)));

/** Rounding to float32 leaves less than this share of what cancelled out. */
const ROUNDING = 1e-6;

/** What was computed of `parts`, without the layers where they cancel out up to rounding. */
export function significant(of: Combined, parts: readonly ScaledAdapter[]): Combined {
  const sites = of.layout.sites.filter((site) => {
    const from = parts.map(({ layout: { sites: own }, flat, scale }) => {
      const there = own.find(({ name }) => name === site.name);
      return there ? Math.abs(scale) * normAt(flat, there) : 0;
    });
    return normAt(of.flat, site) > ROUNDING * from.reduce((total, one) => total + one, 0);
  });
  const layout = layOut(sites);
  const flat = new Float32Array(layout.size);
  layout.sites.forEach((site, i) => {
    const [into, from] = [matrices(flat, site), matrices(of.flat, sites[i])];
    into.A.set(from.A);
    into.B.set(from.B);
  });
  return { layout, flat };
}

/**
 * The nearest adapter of at most this rank, by a truncated singular value decomposition of each layer (Eckart and Young
 * 1936).
 * @returns its `error`, ‖ΔW − ΔW'‖ / ‖ΔW‖ over all layers, and the layer where that is largest
 */
export function truncate(
  of: Combined,
  rank: number,
): Combined & { error: number; worst?: { layer: string; error: number } } {
  const cut = of.layout.sites.map((site) => ({ site, ...lowRank(matrices(of.flat, site), site, rank) }));
  const layout = layOut(cut.map(({ site, rank: kept }) => ({ ...site, rank: kept, scale: 1 })));
  const flat = new Float32Array(layout.size);
  layout.sites.forEach((site, i) => {
    const into = matrices(flat, site);
    into.A.set(cut[i].A);
    into.B.set(cut[i].B);
  });
  const total = cut.reduce((all, { whole }) => all + whole, 0);
  const lost = cut.reduce((all, { left }) => all + left, 0);
  const share = (part: number, whole: number): number => (whole > 0 ? Math.sqrt(part / whole) : 0);
  const worst = cut
    .map(({ site, whole, left }) => ({ layer: site.name, error: share(left, whole) }))
    .sort((a, b) => b.error - a.error)
    .at(0);
  return { layout, flat, error: share(lost, total), ...(worst && { worst }) };
}
