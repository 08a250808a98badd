/** Rows of a KV cache: some leave, others join. On the device where the cache is. */
import { Builder, type Graph, type Value } from '../../onnx/graph.js';
import { Concat, Gather, Pad, SliceAt } from '../../onnx/ops.js';
import { int64, type Backend, type Feeds, type Session, type Tensor } from '../../device/session.js';

/** Keys and values of all layers, each [B, K, P, D]; rows are aligned at the end of P. */
export type Cache = Readonly<Record<string, Tensor>>;

export interface CachedRows {
  /** Rows by index, without the first `from` positions. Frees the cache that it is given. */
  select(cache: Cache, rows: readonly number[], from: number): Promise<Cache>;
  /** Two caches as one, with `before` positions of zeros before the shorter one. Frees both. */
  join(a: Cache, b: Cache, before: readonly [a: number, b: number]): Promise<Cache>;
  dispose(): Promise<void>;
}

/** @param entries of the cache: names and shapes [B, K, ·, D] */
export function cachedRows(backend: Backend, entries: readonly Value[]): CachedRows {
  const keep = entries.map(({ name }) => name);
  const opened = new Map<string, Promise<Session>>();
  const open = (graph: () => Graph, name: string): Promise<Session> => {
    let session = opened.get(name);
    if (!session) opened.set(name, (session = backend.session(graph(), { keep })));
    return session;
  };
  const run = async (session: Promise<Session>, feeds: Feeds, used: readonly Cache[]): Promise<Cache> => {
    const out = await (await session).run(feeds);
    for (const cache of used) release(backend, cache);
    return out;
  };
  return {
    select: (cache, rows, from) =>
      run(
        open(() => selectGraph(entries), 'select'),
        { ...renamed('a', cache), rows: int64(rows, [rows.length]), from: int64([from], [1]) },
        [cache],
      ),
    join: (a, b, before) =>
      run(
        open(() => joinGraph(entries), 'join'),
        {
          ...renamed('a', a),
          ...renamed('b', b),
          'a/pads': padsBefore(before[0]),
          'b/pads': padsBefore(before[1]),
        },
        [a, b],
      ),
    async dispose() {
      for (const session of opened.values()) await (await session).dispose();
    },
  };
}

export function release(backend: Backend, cache: Cache | undefined): void {
  backend.free(Object.values(cache ?? {}));
}

const renamed = (side: string, cache: Cache): Feeds =>
  Object.fromEntries(Object.entries(cache).map(([name, tensor]) => [`${side}/${name}`, tensor]));

const padsBefore = (positions: number): Tensor => int64([0, 0, positions, 0, 0, 0, 0, 0], [8]);

function selectGraph(entries: readonly Value[]): Graph {
  const g = new Builder('rows of a cache');
  const [rows, from] = [g.input('rows', 'int64', ['N']), g.input('from', 'int64', [1])];
  for (const { name, dtype, shape } of entries) {
    const cache = g.input(`a/${name}`, dtype, ['B', shape[1], 'P', shape[3]]);
    g.outputAs(name, SliceAt(g, Gather(g, cache, rows), 2, from, g.dim('P'), 'S'));
  }
  return g.graph();
}

function joinGraph(entries: readonly Value[]): Graph {
  const g = new Builder('two caches');
  const pads = { a: g.input('a/pads', 'int64', [8]), b: g.input('b/pads', 'int64', [8]) };
  for (const { name, dtype, shape } of entries) {
    const side = (of: 'a' | 'b', rows: string, positions: string): Value =>
      Pad(g, g.input(`${of}/${name}`, dtype, [rows, shape[1], positions, shape[3]]), pads[of], [
        rows,
        shape[1],
        'S',
        shape[3],
      ]);
    g.outputAs(name, Concat(g, [side('a', 'B', 'P'), side('b', 'N', 'Q')], 0, 'R'));
  }
  return g.graph();
}
