/** Runs as the host sends them to the page that compares them. */
import type { ComparedRun } from '../../runtime/contract/comparedRuns.js';
import { measurements, protectedRun } from './runSnapshots.js';

/** A run of a sweep over learning rate, rank and seed. */
export function sweep(i: number, more: Partial<ComparedRun> = {}): ComparedRun {
  const snapshot = protectedRun(108);
  const [rate, rank, seed] = [[0.001, 0.003, 0.01][i % 3], [4, 8][i % 2], 1 + (i % 7)];
  const { kind, vectors, train, probes, verdict, laws } = snapshot;
  const shifted = (column: readonly (number | null)[] = []) => column.map((y) => (y === null ? y : y * (1 + i / 20)));
  return {
    id: `/runs/${i}`,
    title: `run ${i}`,
    reading: {
      ...{ kind, vectors, verdict, laws },
      train: { ...train, loss: shifted(train.loss) },
      probes: { ...probes, harmfulLossWithout: shifted(probes.harmfulLossWithout) },
      measurements: measurements.map((m) =>
        m.state === 'protected' && m.measure === 'harm' ? { ...m, value: (i % 4) / 10 } : m,
      ),
    },
    clock: { step: train.step, tokens: train.step.map((s) => 100 * s), seconds: train.step.map((s) => s / 2) },
    recipe: { 'optimizer.learningRate': String(rate), 'adapter.rank': String(rank), seed: String(seed), epochs: '3' },
    states: ['protected'],
    sets: {},
    judges: {},
    harmfulLoss: {
      rows: 'heldOut',
      of: 20,
      base: 2,
      delivered: 1.9 - i / 50,
      low: 0.9,
      high: 1,
      basis: { how: 'rows' },
    },
    agreements: [],
    ...more,
  };
}
