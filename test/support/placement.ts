/** Where the nodes of a session run, from onnxruntime's profile. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import type { Session } from '../../runtime/device/session.js';

/** Operator → how many of its nodes ran there. */
type Counts = Record<string, number>;
interface Profiled {
  cat?: string;
  name?: string;
  args?: { provider?: string; op_name?: string };
}

/** Opens a session as `open` does, runs it, and counts on which provider each node ran. */
export async function placementOf(
  open: () => Promise<Session>,
  run: (session: Session) => Promise<unknown>,
): Promise<{ device: Counts; cpu: Counts }> {
  const folder = await mkdtemp(join(tmpdir(), 'placement-'));
  const create = InferenceSession.create as (model: unknown, options: object) => Promise<InferenceSession>;
  const profiled: InferenceSession[] = [];
  const profile = { enableProfiling: true, profileFilePrefix: join(folder, 'trace') };
  Object.assign(InferenceSession, {
    create: async (model: unknown, options: object) => {
      const session = await create.call(InferenceSession, model, { ...options, ...profile });
      profiled.push(session);
      return session;
    },
  });
  try {
    const session = await open();
    await run(session);
    for (const each of profiled) each.endProfiling();
    await session.dispose();
    const traces = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
    return counted(traces.flatMap((trace) => JSON.parse(trace) as Profiled[]));
  } finally {
    Object.assign(InferenceSession, { create });
    await rm(folder, { recursive: true, force: true });
  }
}

/** Each node once, however often it ran. */
function counted(events: readonly Profiled[]): { device: Counts; cpu: Counts } {
  const counts = { device: {} as Counts, cpu: {} as Counts };
  const nodes = new Map(events.filter(({ cat }) => cat === 'Node').map(({ name, args }) => [name, args]));
  for (const { provider, op_name: op } of [...nodes.values()].flatMap((args) => args ?? [])) {
    if (provider === undefined || op === undefined) continue;
    const where = provider === 'CPUExecutionProvider' ? counts.cpu : counts.device;
    where[op] = (where[op] ?? 0) + 1;
  }
  return counts;
}
