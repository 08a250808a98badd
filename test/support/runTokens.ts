import type { Backend } from '../../runtime/device/session.js';

/** A batch that a graph of a model was run on: rows, and tokens of each with padding. */
export interface RunBatch {
  readonly graph: string;
  readonly B: number;
  readonly T: number;
}

/** A device that notes which batches it computes. */
export function noting(backend: Backend): { backend: Backend; runs: RunBatch[] } {
  const runs: RunBatch[] = [];
  return {
    runs,
    backend: {
      ...backend,
      async session(graph, options) {
        const session = await backend.session(graph, options);
        return {
          ...session,
          run(feeds, ...rest) {
            const [B, T] = feeds['input_ids']?.dims ?? [];
            if (B !== undefined && T !== undefined) runs.push({ graph: graph.name, B, T });
            return session.run(feeds, ...rest);
          },
        };
      },
    },
  };
}
