import type { Backend, Feeds } from '../../runtime/device/session.js';

/** A batch that a graph of a model was run on: rows, and tokens of each with padding. */
export interface RunBatch {
  readonly graph: string;
  readonly B: number;
  readonly T: number;
}

/** A device that tells of each run, before it, the name of its graph and what it is given. */
export const watched = (backend: Backend, onRun: (graph: string, feeds: Feeds) => void): Backend => ({
  ...backend,
  async session(graph, options) {
    const session = await backend.session(graph, options);
    return {
      ...session,
      run(feeds, ...rest) {
        onRun(graph.name, feeds);
        return session.run(feeds, ...rest);
      },
    };
  },
});

/** A device that notes which batches it computes. */
export function noting(backend: Backend): { backend: Backend; runs: RunBatch[] } {
  const runs: RunBatch[] = [];
  const note = (graph: string, feeds: Feeds): void => {
    const [B, T] = feeds['input_ids']?.dims ?? [];
    if (B !== undefined && T !== undefined) runs.push({ graph, B, T });
  };
  return { runs, backend: watched(backend, note) };
}
