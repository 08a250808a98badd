import { random } from '../random.js';

/**
 * All examples in batches of `rows` (one batch may have fewer), in an order that the seed and the epoch decide. Rows are
 * mixed whatever their length: batches of like lengths are often batches of one kind of row, and train worse. What that
 * costs in padding is saved where the batch is packed (training/packing.ts).
 */
export function epochBatches<E>(
  examples: readonly E[],
  { rows, seed, epoch }: { rows: number; seed: number | string; epoch: number },
): E[][] {
  const shuffled = random(`${seed}/batches/${epoch}`).shuffle([...examples]);
  return Array.from({ length: Math.ceil(shuffled.length / rows) }, (_, i) => shuffled.slice(i * rows, (i + 1) * rows));
}
