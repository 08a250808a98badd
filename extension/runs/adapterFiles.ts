import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { PRECISIONS, type Precision } from '../../runtime/contract/recipeWords.js';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { readJson } from '../host/checkedFile.js';

export interface AdapterFacts {
  role: 'task' | 'security';
  rank: number | null;
  /** How the run that made it held the model's weights, where not in float32. */
  precision?: Precision;
}

const CONFIG = z.object({ r: z.number().nullish() });
const OWN = z.object({ role: z.enum(['task', 'security']) });
const MADE = z.object({ version: z.literal(1), precision: z.enum(PRECISIONS).optional() });

/**
 * What a PEFT folder, or a run folder with one, says of itself; undefined when it is neither. The engine checks it when
 * it is used.
 * @throws HostError for a file that says something else: what may be a security vector is not taken for a task
 */
export async function adapterFacts(path: string): Promise<AdapterFacts | undefined> {
  for (const folder of [path, join(path, 'adapter')]) {
    const config = await readJson(join(folder, 'adapter_config.json'), CONFIG);
    if (!config) continue;
    const own = await readJson(join(folder, 'security_vector.json'), OWN);
    return { role: own?.role ?? 'task', rank: config.r ?? null, precision: await precisionOf(folder) };
  }
  return undefined;
}

/** Of an adapter in a run folder. Other people's files are called manifest.json, too. */
async function precisionOf(adapter: string): Promise<Precision | undefined> {
  if (basename(adapter) !== 'adapter') return undefined;
  const made = await readJson(join(dirname(adapter), RUN_FILES.manifest), MADE).catch(() => undefined);
  return made?.precision;
}
