import type { ClusterTarget } from '../contract/recipeCluster.js';
import type { JobNote } from './messages.js';

const loadingText = (workers: number): string =>
  workers === 1 ? 'one worker has started, and reads the model' : `${workers} workers have started, and read the model`;

/** What a job says of itself, for people. */
export function noteText(
  { note, step, workers, wanted = {}, there = {}, free = {} }: JobNote,
  target: ClusterTarget,
): string | undefined {
  const list = (resources: Record<string, number>): string =>
    Object.keys(wanted)
      .map((name) => `${resources[name] ?? 0} ${name}`)
      .join(', ');
  switch (note) {
    case 'waiting':
      return Object.entries(wanted).some(([name, count]) => count > (there[name] ?? 0))
        ? `waiting for workers: ${list(wanted)} wanted, the cluster has ${list(there)}. It begins when nodes are added; or stop it, and lower on.workers or on.gpu`
        : `waiting for workers: ${list(wanted)} wanted, ${list(free)} free of ${list(there)}`;
    case 'starting':
      return 'the cluster starts the workers';
    case 'restarted':
      return `a worker was lost, or the job began anew: it goes on from step ${step}`;
    case 'loading':
      return loadingText(workers ?? target.workers);
    case 'started':
      return 'the model is read';
    default:
      return undefined;
  }
}
