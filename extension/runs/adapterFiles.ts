import { join } from 'node:path';
import * as z from 'zod';
import { readJson } from '../host/checkedFile.js';

export interface AdapterFacts {
  role: 'task' | 'security';
  rank: number | null;
}

const CONFIG = z.object({ r: z.number().nullish() });
const OWN = z.object({ role: z.enum(['task', 'security']) });

/**
 * What a PEFT folder, or a run folder with one, says of itself; undefined when it is neither. The engine checks it when it
 * is used.
 * @throws HostError for a file that says something else: what may be a security vector is not taken for a task
 */
export async function adapterFacts(path: string): Promise<AdapterFacts | undefined> {
  for (const folder of [path, join(path, 'adapter')]) {
    const config = await readJson(join(folder, 'adapter_config.json'), CONFIG);
    if (!config) continue;
    const own = await readJson(join(folder, 'security_vector.json'), OWN);
    return { role: own?.role ?? 'task', rank: config.r ?? null };
  }
  return undefined;
}
