import { join } from 'node:path';
import { readJson } from '../jsonLines.js';

export interface AdapterFacts {
  role: 'task' | 'security';
  rank: number | null;
}

/** What a PEFT folder, or a run folder with one, says of itself; undefined when it is neither. The engine checks it when it is used. */
export async function adapterFacts(path: string): Promise<AdapterFacts | undefined> {
  for (const folder of [path, join(path, 'adapter')]) {
    const config = (await readJson(join(folder, 'adapter_config.json'))) as { r?: unknown } | undefined;
    if (typeof config !== 'object' || config === null) continue;
    const own = (await readJson(join(folder, 'security_vector.json'))) as { role?: unknown } | undefined;
    return {
      role: own?.role === 'security' ? 'security' : 'task',
      rank: typeof config.r === 'number' ? config.r : null,
    };
  }
  return undefined;
}
