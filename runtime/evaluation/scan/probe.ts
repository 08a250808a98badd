/**
 * A linear probe: what of the base's own hidden states tells harmful rows from ordinary ones, before any training. It
 * finds rows that a vector explains little of.
 */
import { mean, sum } from '../../contract/sum.js';
import type { Probe } from '../../learner/learner.js';

/** Of more rows of a kind a sample: what further ones say is little, and their states take memory. */
export const PROBE_FITTED = 256;
/** Beside the mean square of a row's states, which are 1 in the mean. */
const RIDGE = 0.1;
/** States that vary less than this, beside others, are noise. */
const LEAST_DEVIATION = 1e-3;

/**
 * Ridge regression of 1 (harmful) and −1 (ordinary) on states of deviation 1, where both kinds weigh the same; in the
 * dual, as there are fewer rows than states. Rows like harmful ones score near 1, rows like ordinary ones near −1.
 * @param states of rows, each [K · C]; at least one of each kind
 */
export function fitProbe(states: {
  readonly harmful: readonly Float32Array[];
  readonly ordinary: readonly Float32Array[];
}): Probe {
  const { harmful, ordinary } = states;
  const rows = [...harmful, ...ordinary];
  const size = rows[0].length;
  const weights = rows.map((_, i) => rows.length / 2 / (i < harmful.length ? harmful : ordinary).length);
  const centre = new Float64Array(size);
  rows.forEach((row, i) => row.forEach((x, c) => (centre[c] += (weights[i] * x) / rows.length)));
  const deviation = new Float64Array(size);
  rows.forEach((row, i) => row.forEach((x, c) => (deviation[c] += (weights[i] * (x - centre[c]) ** 2) / rows.length)));
  const least = LEAST_DEVIATION * mean(deviation.map(Math.sqrt));
  const scale = deviation.map((variance) => 1 / (Math.sqrt(variance) + least || 1));
  const scaled = rows.map((row) => Float32Array.from(row, (x, c) => (x - centre[c]) * scale[c]));
  const system = scaled.map((row, i) =>
    Float64Array.from({ length: i + 1 }, (_, j) => dot(row, scaled[j]) / size + (i === j ? RIDGE / weights[i] : 0)),
  );
  const dual = solved(
    system,
    Float64Array.from(rows, (_, i) => (i < harmful.length ? 1 : -1)),
  );
  const found = new Float64Array(size);
  scaled.forEach((row, i) => row.forEach((x, c) => (found[c] += (dual[i] * x * scale[c]) / size)));
  return { weights: Float32Array.from(found), bias: -sum(found.map((w, c) => w * centre[c])) };
}

function dot(a: Float32Array, b: Float32Array): number {
  let all = 0;
  for (let i = 0; i < a.length; i++) all += a[i] * b[i];
  return all;
}

/**
 * Solves a positive definite system.
 * @param matrix its lower triangle, in whose place Cholesky's decomposition comes
 */
function solved(matrix: readonly Float64Array[], right: Float64Array): Float64Array {
  const n = right.length;
  const x = right.slice();
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i][j];
      for (let k = 0; k < j; k++) rest -= matrix[i][k] * matrix[j][k];
      matrix[i][j] = i === j ? Math.sqrt(rest) : rest / matrix[j][j];
    }
    for (let k = 0; k < i; k++) x[i] -= matrix[i][k] * x[k];
    x[i] /= matrix[i][i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= matrix[k][i] * x[k];
    x[i] /= matrix[i][i];
  }
  return x;
}
