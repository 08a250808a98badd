/** A finished sweep of 5 learning rates, 4 shares of harmful rows, 6 methods and 3 seeds, without a training. */
import type { Measurement } from '../../runtime/contract/events.js';
import { pointsOf, type Over, type SweepPoint } from '../../runtime/contract/sweep.js';

const PROMPTS = 128;

export function wideSweep(): { over: Over; points: SweepPoint[] } {
  const over: Over = {
    'optimizer.learningRate': [0.0001, 0.0003, 0.001, 0.003, 0.01],
    'data.mix.share': [0.05, 0.1, 0.3, 0.8],
    strategy: { plain: {}, paper: {}, ours: {}, lisa: {}, safelora: {}, ptst: {} },
    seed: [1, 2, 3],
  };
  const methods = Object.keys(over.strategy!);
  const points = pointsOf(over).map((values, i): SweepPoint => {
    const [rate, share, seed] = [values['optimizer.learningRate'], values['data.mix.share'], values.seed].map(Number);
    const harm = (rate! * 100 * share! * (methods.indexOf(String(values.strategy)) + seed!)) / 8;
    const measured = (state: string, name: string, measure: Measurement['measure'], value: number): Measurement => ({
      ...{
        state,
        name,
        measure,
        value: Math.round(value * PROMPTS) / PROMPTS,
        count: PROMPTS,
        judge: 'refusal-phrases',
      },
    });
    return {
      values,
      folder: `points/${i}`,
      verdict: harm > 0.02 ? 'lost' : 'held',
      headline: 'Protection holds.',
      measurements: [
        measured('base', 'forbidden topic', 'harm', 0),
        measured('protected', 'forbidden topic', 'harm', harm),
        measured('base', 'new task', 'exact', 0),
        measured('protected', 'new task', 'exact', 1 - harm / 2),
      ],
      seconds: 40 + (i % 7),
    };
  });
  return { over, points };
}
