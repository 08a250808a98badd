/** What runs of this user took, beside what was expected of them: the next estimates are corrected by it. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { safeParse } from '../contract/safeParse.js';
import { ONNXRUNTIME, type Backend } from '../device/session.js';
import { userCache } from '../models/cache/userCache.js';
import { writeFileAtomic } from '../support/files.js';
import { readOptionalJson } from '../support/jsonFile.js';
import { makeFolder } from '../support/makeFolder.js';
import { measureSpeed, type Speed } from './speed.js';

const FILE = 'measured.json';
/** Runs that are remembered: chosen, like the numbers below. */
const MOST = 200;
/** Runs of a model whose median counts. */
const LAST = 5;

const positive = z.number().positive();
const run = z.object({
  machine: z.string(),
  /** Which model, and how it is trained. */
  model: z.string(),
  /** Measured by expected; of the memory by that which the watch counts. */
  seconds: positive,
  bytes: positive.optional(),
});
const history = z.object({
  speeds: z.record(z.string(), z.object({ flops: positive, moved: positive, node: positive })).default({}),
  runs: z.array(run).default([]),
});
type History = z.infer<typeof history>;
type MeasuredRun = z.infer<typeof run>;

/** A file that cannot be read is as good as none: it is made again. */
async function read(folder: string): Promise<History> {
  const found = await readOptionalJson(join(folder, FILE)).catch(() => undefined);
  return safeParse(history, found ?? {}).data ?? { speeds: {}, runs: [] };
}

/** A cache that cannot be written is used as it is: nothing rests on it but the next estimate. */
async function change(folder: string, how: (history: History) => History): Promise<void> {
  const next = how(await read(folder));
  await makeFolder(folder)
    .then(() => writeFileAtomic(join(folder, FILE), `${JSON.stringify(next)}\n`))
    .catch(() => undefined);
}

/** Goes up when speeds or the memory of runs are measured otherwise: those of before do not count any more. */
const MEASURING = 6;

/** What an estimate depends on besides the model: another device, number of threads or processor is another machine. */
export const machineKey = ({ device, threads }: Pick<Backend, 'device' | 'threads'>): string =>
  [device, threads || `all of ${cpus().length}`, cpus()[0]?.model ?? '', ONNXRUNTIME, MEASURING].join(' · ');

const speeds = new Map<string, Promise<Speed>>();
/** How fast this machine computes: as was measured once, or now; once in a process where nothing is remembered. */
export function machineSpeed(backend: Backend, folder = userCache()): Promise<Speed> {
  const key = machineKey(backend);
  const place = `${key} ${folder}`;
  const known = speeds.get(place) ?? rememberedSpeed(backend, key, folder);
  speeds.set(place, known);
  return known;
}

async function rememberedSpeed(backend: Backend, key: string, folder: string): Promise<Speed> {
  const known = (await read(folder)).speeds[key];
  if (known) return known;
  const speed = await measureSpeed(backend);
  await change(folder, (before) => ({ ...before, speeds: { ...before.speeds, [key]: speed } }));
  return speed;
}

/**
 * How far the last runs of a model on this machine were from what was expected, as factors; undefined before the first.
 * Memory is only corrected upwards: what lies between two looks of the watch is not seen.
 */
export async function correction(
  machine: string,
  model: string,
  folder = userCache(),
): Promise<{ seconds: number; bytes: number } | undefined> {
  const runs = (await read(folder)).runs.filter((one) => one.machine === machine && one.model === model);
  if (runs.length === 0) return undefined;
  const bytes = lastWithBytes(runs).map((one) => one.bytes!);
  return {
    seconds: median(runs.slice(-LAST).map((one) => one.seconds)),
    bytes: bytes.length > 0 ? Math.max(1, median(bytes)) : 1,
  };
}

/**
 * Where a run took more than so many times what was expected, something else was expected: it says nothing of others.
 */
const MOST_OFF = 2;

/** Only the first training of a process knows its memory: the points of a sweep that follow it do not push that out. */
const lastWithBytes = (runs: readonly MeasuredRun[]): MeasuredRun[] =>
  runs.filter(({ bytes = 0 }) => bytes > 0 && bytes <= MOST_OFF).slice(-LAST);

export const remember = (measured: MeasuredRun, folder = userCache()): Promise<void> =>
  change(folder, (before) => {
    const runs = [...before.runs, measured];
    const own = runs.filter(({ machine, model }) => machine === measured.machine && model === measured.model);
    const counting = new Set([...own.slice(-LAST), ...lastWithBytes(own)]);
    return { ...before, runs: runs.filter((one) => !own.includes(one) || counting.has(one)).slice(-MOST) };
  });

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
};
