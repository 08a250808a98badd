/**
 * Folders of runs that were never run, for tests of how many can be shown and compared. They differ in three keys.
 *
 *   node --import tsx test/support/manyRuns.ts FOLDER RUNS [STEPS]
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import { harm, runFolder, step } from '../extension/support.js';

const RATES = [0.001, 0.003, 0.01, 0.03];
const RANKS = [4, 8];

/** Writes `root/adapters/run-N`; gives the folders. */
export async function manyRuns(root: string, runs: number, steps = 400): Promise<string[]> {
  const folders: string[] = [];
  for (let i = 0; i < runs; i++) {
    const vectors = i % 2 ? [{ path: 'vectors/v', sha256: 'dd', scale: 1 }] : [];
    const state = i % 2 ? 'protected' : 'plain';
    const measurements = [harm('base', 0), harm(state, i % 2 ? (i % 7) / 100 : 0.9)];
    const events: RunEvent[] = [];
    for (let n = 0; n <= steps; n++) {
      if (n > 0) events.push(step(n, { steps, lossNatsPerToken: 0.3 + (4 * (1 + (i % 5) / 5)) / (n + 1) }));
      if (n % 20 === 0)
        events.push({
          kind: 'evaluation',
          step: n,
          probes: { harmfulLossWith: 0.01, harmfulLossWithout: 0.5 + i / 100 },
        });
    }
    const laws = { baseUnchanged: true, vectorUnchanged: true, deliveredWithoutVector: true };
    const done: DoneEvent = {
      ...{ kind: 'done', outcome: 'finished', output: '', step: steps, seconds: 60 },
      ...{ measurements, laws },
    };
    const recipe = {
      optimizer: { learningRate: RATES[i % RATES.length] },
      adapter: { rank: RANKS[Math.floor(i / RATES.length) % RANKS.length], alpha: 16, sites: 'all-linear' },
      seed: 1 + Math.floor(i / (RATES.length * RANKS.length)),
    };
    const started = new Date(Date.UTC(2026, 0, 1, 0, i)).toISOString();
    folders.push(
      await runFolder(root, `run-${i}`, { recipe, events: [...events, done], manifest: { vectors, done, started } }),
    );
  }
  return folders;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [root, runs, steps] = process.argv.slice(2);
  if (!root || !Number(runs)) throw new Error('usage: manyRuns.ts FOLDER RUNS [STEPS]');
  await manyRuns(path.resolve(root), Number(runs), steps === undefined ? undefined : Number(steps));
}
