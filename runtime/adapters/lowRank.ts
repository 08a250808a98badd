import { sum } from '../contract/sum.js';
import type { AdaptedSite } from './sites.js';

type Column = Float64Array;

/**
 * The nearest matrix of at most `rank` to s B A, as B' A' with B' [out, rank'] and A' [rank', in]. B and Aᵀ are made
 * orthonormal first, so that only a matrix of the adapter's own rank is decomposed (one-sided Jacobi).
 * @returns `whole` and `left`: squared Frobenius norms of the matrix and of what is cut off
 */
export function lowRank(
  { A, B }: { A: Float32Array; B: Float32Array },
  { in: inputs, out, rank: own, scale }: Pick<AdaptedSite, 'in' | 'out' | 'rank' | 'scale'>,
  rank: number,
): { A: Float32Array; B: Float32Array; rank: number; whole: number; left: number } {
  const columns = Array.from({ length: own }, (_, r) =>
    Float64Array.from({ length: out }, (_unused, o) => scale * B[o * own + r]),
  );
  const rows = Array.from({ length: own }, (_, r) => Float64Array.from(A.subarray(r * inputs, (r + 1) * inputs)));
  const left = orthonormal(columns);
  const right = orthonormal(rows);
  // core[j] is column j of Rb Raᵀ: s B A = Qb · core · Qaᵀ.
  const core = Array.from({ length: own }, (_, j) =>
    Float64Array.from({ length: own }, (_unused, i) => {
      let sum = 0;
      for (let k = 0; k < own; k++) sum += left.R[i][k] * right.R[j][k];
      return sum;
    }),
  );
  const parts = jacobi(core).sort((a, b) => b.value - a.value);
  const kept = Math.min(rank, own);
  const squares = (some: typeof parts): number => sum(some.map(({ value }) => value ** 2));
  const [newA, newB] = [new Float32Array(kept * inputs), new Float32Array(out * kept)];
  parts.slice(0, kept).forEach(({ value, u, v }, r) => {
    const root = Math.sqrt(value);
    const [column, row] = [spread(left.Q, u, out), spread(right.Q, v, inputs)];
    for (let o = 0; o < out; o++) newB[o * kept + r] = root * column[o];
    for (let i = 0; i < inputs; i++) newA[r * inputs + i] = root * row[i];
  });
  return { A: newA, B: newB, rank: kept, whole: squares(parts), left: squares(parts.slice(kept)) };
}

const dot = (a: Column, b: Column): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

/**
 * Q with orthonormal columns (or zero ones) and R with M = Q R; R by rows. Gram and Schmidt, twice, which is enough
 * (Kahan).
 */
export function orthonormal(given: readonly Column[]): { Q: Column[]; R: Column[] } {
  const n = given.length;
  const R = Array.from({ length: n }, () => new Float64Array(n));
  const Q: Column[] = [];
  given.forEach((column, j) => {
    const rest = Float64Array.from(column);
    const before = Math.sqrt(dot(rest, rest));
    for (let pass = 0; pass < 2; pass++)
      Q.forEach((q, i) => {
        const part = dot(q, rest);
        R[i][j] += part;
        for (let k = 0; k < rest.length; k++) rest[k] -= part * q[k];
      });
    const size = Math.sqrt(dot(rest, rest));
    const isNew = size > 1e-12 * before;
    R[j][j] = isNew ? size : 0;
    Q.push(isNew ? rest.map((value) => value / size) : new Float64Array(rest.length));
  });
  return { Q, R };
}

/** Singular values with their vectors of a small square matrix, given by its columns. */
export function jacobi(matrix: readonly Column[]): { value: number; u: Column; v: Column }[] {
  const n = matrix.length;
  const M = matrix.map((column) => Float64Array.from(column));
  const V = M.map((_, j) => Float64Array.from({ length: n }, (_unused, i) => (i === j ? 1 : 0)));
  for (let sweep = 0, turned = true; turned && sweep < 60; sweep++) {
    turned = false;
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        const [a, b, c] = [dot(M[p], M[p]), dot(M[q], M[q]), dot(M[p], M[q])];
        if (Math.abs(c) <= 1e-15 * Math.sqrt(a * b) || c === 0) continue;
        turned = true;
        const zeta = (b - a) / (2 * c);
        const t = Math.sign(zeta || 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const cosine = 1 / Math.sqrt(1 + t * t);
        for (const [x, y] of [
          [M[p], M[q]],
          [V[p], V[q]],
        ] as const)
          for (let i = 0; i < n; i++) {
            const [xi, yi] = [x[i], y[i]];
            x[i] = cosine * (xi - t * yi);
            y[i] = cosine * (t * xi + yi);
          }
      }
  }
  return M.map((column, j) => {
    const value = Math.sqrt(dot(column, column));
    return { value, u: value > 0 ? column.map((one) => one / value) : column, v: V[j] };
  });
}

/** Σ weights[k] · Q[k]. */
function spread(Q: readonly Column[], weights: Column, length: number): Column {
  const sum = new Float64Array(length);
  Q.forEach((q, k) => {
    for (let i = 0; i < length; i++) sum[i] += weights[k] * q[i];
  });
  return sum;
}
