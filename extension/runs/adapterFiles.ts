import { open, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { PRECISIONS, type Precision } from '../../runtime/contract/recipeWords.js';
import { ADAPTER_FILES, RUN_FILES } from '../../runtime/contract/runFiles.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { readJson } from '../host/checkedFile.js';

export interface AdapterFacts {
  role: 'task' | 'security';
  rank: number | null;
  /** How the run that made it held the model's weights, where not in float32. */
  precision?: Precision;
}

const CONFIG = z.object({ r: z.number().nullish() });
const OWN = z.object({ role: z.enum(['task', 'security']) });
const HEADER = z.object({ __metadata__: z.object({ role: z.string() }) });
const MADE = z.object({ version: z.literal(1), precision: z.enum(PRECISIONS).optional() });

/**
 * What a PEFT folder, or a run folder with one, says of itself; undefined when it is neither. The engine checks it when
 * it is used.
 * @throws HostError for a file that says something else: what may be a security vector is not taken for a task
 */
export async function adapterFacts(path: string): Promise<AdapterFacts | undefined> {
  for (const folder of [path, join(path, 'adapter')]) {
    const config = await readJson(join(folder, ADAPTER_FILES.config), CONFIG);
    if (!config) continue;
    const own = await readJson(join(folder, ADAPTER_FILES.role), OWN);
    const role = own?.role ?? (await roleInHeader(join(folder, ADAPTER_FILES.weights))) ?? 'task';
    return { role, rank: config.r ?? null, precision: await precisionOf(folder) };
  }
  return undefined;
}

/** Bytes of a header: one of an adapter with thousands of matrices has some hundred thousand. */
const MAX_HEADER = 64 * 1024 ** 2;

/** What the header of the weights says, where the file beside them was left behind; the engine checks the rest of it. */
async function roleInHeader(file: string): Promise<'security' | undefined> {
  // opening a pipe would wait for who writes into it
  if (!(await stat(file).catch(() => undefined))?.isFile()) return undefined;
  const handle = await open(file).catch(() => undefined);
  if (!handle) return undefined;
  try {
    const { buffer } = await handle.read(Buffer.alloc(8), 0, 8, 0);
    const length = Number(buffer.readBigUInt64LE());
    if (length > MAX_HEADER) return undefined;
    const read = await handle.read(Buffer.alloc(length), 0, length, 8);
    const header = safeParse(HEADER, parsed(read.buffer.toString('utf8', 0, read.bytesRead))).data;
    return header?.__metadata__.role === 'security' ? 'security' : undefined;
  } finally {
    await handle.close();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Of an adapter in a run folder. Other people's files are called manifest.json, too. */
async function precisionOf(adapter: string): Promise<Precision | undefined> {
  if (basename(adapter) !== 'adapter') return undefined;
  const made = await readJson(join(dirname(adapter), RUN_FILES.manifest), MADE).catch(() => undefined);
  return made?.precision;
}
