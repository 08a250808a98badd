import type { Backend, Session } from '../../runtime/device/session.js';
import { checkGraph } from '../../runtime/onnx/check.js';
import { scanCounts, unrollScans } from '../../runtime/onnx/unroll.js';

/** The device as if it had no Scans: the bodies of a graph are laid out for each batch. */
export const unrolling = (device: Backend): Backend => ({
  ...device,
  pieces: 'unrolled',
  async session(graph, options): Promise<Session> {
    const counts = scanCounts(graph);
    return {
      async run(feeds, ...rest) {
        const times = new Map(counts.map(({ dim, input, axis }) => [dim, feeds[input]!.dims[axis]!]));
        const unrolled = checkGraph(unrollScans(graph, (dim) => times.get(dim)!));
        if (unrolled.nodes.some(({ op }) => op === 'Scan')) throw new Error('a Scan is left');
        const session = await device.session(unrolled, options);
        try {
          return await session.run(feeds, ...rest);
        } finally {
          await session.dispose();
        }
      },
      dispose: async () => undefined,
    };
  },
});
