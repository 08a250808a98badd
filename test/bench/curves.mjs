/**
 * What a step takes as one size of it grows, all others as they are: tokens of a row, rank, layers, adapters. Times are
 * processor time, which other work on the machine changes least.
 */

/** `args` of step.mjs; `layers` of the model, where it is not the whole. */
export const CURVES = [
  {
    name: 'tokens',
    title: 'tokens of one row',
    at: [256, 512, 1024, 2048, 4096],
    args: (tokens) => ['--rows=1', `--tokens=${tokens}`, '--steps=2'],
  },
  { name: 'rank', title: 'rank', at: [8, 32, 128, 512], args: (rank) => [`--rank=${rank}`] },
  { name: 'layers', title: 'layers', at: [10, 20, 30, 60], args: () => [], layers: true },
  { name: 'adapters', title: 'adapters', at: [1, 2, 4, 8], args: (count) => [`--vectors=${count - 1}`] },
];
export const SHAPE = '135m';

/** One curve; `step(args, layers)` gives the line of a run of step.mjs. */
export async function measure({ name, at, args, layers }, step) {
  const points = [];
  for (const size of at) {
    const line = await step(args(size), layers ? size : undefined);
    points.push({ size, cpuMs: Math.min(...line.cpuMs.slice(1)), peakBytes: line.peakBytes });
  }
  return { name, points };
}

/** How a value grows from one size to the next: 1 is in proportion to it, 2 with its square. */
export const exponent = (before, after, of) => Math.log(after[of] / before[of]) / Math.log(after.size / before.size);
