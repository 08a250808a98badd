import { random } from '../support/random.js';

/**
 * The rows of an epoch, by index, in an order that the seed and the epoch decide. Rows are mixed whatever their length:
 * batches of similar lengths are often batches of one kind of row, and train worse. The padding this costs is saved
 * where the batch is packed (learner/packing.ts).
 */
export function epochOrder(rows: number, { seed, epoch }: { seed: number | string; epoch: number }): number[] {
  return random(`${seed}/batches/${epoch}`).shuffle(Array.from({ length: rows }, (_, i) => i));
}
