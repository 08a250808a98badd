/** What a job is sent: its scripts, the rows and the plan, and the adapters, as one archive. */
import { readFile, rm, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ClusterTarget } from '../contract/recipeCluster.js';
import { sha256, writeFileAtomic } from '../support/files.js';
import type { RayClient } from './client.js';
import { MOST_PACKAGE, tooLarge } from './faults.js';
import { zip } from './zip.js';

/** What is shipped with every job. */
const SCRIPTS = ['train.py', 'adapters.py', 'losses.py', 'messages.py', 'requirements.txt'] as const;
const SHIPPED = join(dirname(fileURLToPath(import.meta.url)), 'job');
/** Bytes of an adapter that also comes through the log. */
const MOST_IN_LOG = 20 * 2 ** 20;
/** How often a worker may be lost before the job fails. */
const FAILURES = 3;

/** Packages that Ray is to install for a job. @param ray the version that is there: Ray takes no other one */
export async function requirements(ray: string): Promise<string[]> {
  const text = await readFile(join(SHIPPED, 'requirements.txt'), 'utf8');
  return text
    .trim()
    .replace(/^(ray\b[^=]*)==.*$/m, `$1==${ray}`)
    .split('\n');
}

/** The model here, with which that of a job is compared. */
export interface ModelHere {
  readonly folder: string;
  /** Of its weights. */
  readonly sha256: string;
}

/** Of the package: where the config of the model here is. */
const CONFIG = 'model-here';

/** What `job.json` says besides the target. */
export interface JobPlan {
  readonly adapters: readonly { readonly name: string; readonly files: ReadonlyMap<string, Uint8Array> }[];
  readonly scales: readonly Readonly<Record<string, number>>[];
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly stages?: readonly object[];
  readonly measures?: object;
  readonly generate?: object;
  /** Activations are computed again for gradients instead of kept. */
  readonly recompute?: boolean;
  /** Adapters that come back. */
  readonly deliver?: readonly string[];
  /** Nothing is computed: they come back as they were then. */
  readonly from?: { readonly stage: number; readonly step: number };
}

export async function packed(
  plan: JobPlan,
  { target, model }: { target: ClusterTarget; model?: ModelHere },
  run: string,
): Promise<Buffer> {
  const files = new Map<string, Uint8Array>();
  for (const script of SCRIPTS) files.set(script, await readFile(join(SHIPPED, script)));
  if (model) files.set(`${CONFIG}/config.json`, await readFile(join(model.folder, 'config.json')));
  for (const [name, bytes] of plan.files) files.set(name, bytes);
  for (const adapter of plan.adapters)
    for (const [name, bytes] of adapter.files) files.set(`${adapter.name}/${name}`, bytes);
  const job = {
    run,
    model: target.model,
    modelSha256: model?.sha256 ?? null,
    config: CONFIG,
    workers: target.workers,
    gpu: target.gpu,
    storage: target.storage,
    precision: target.precision,
    strategy: target.strategy,
    tokens: target.tokens,
    recompute: plan.recompute ?? false,
    failures: FAILURES,
    mostInLog: MOST_IN_LOG,
    adapters: plan.adapters.map(({ name }) => ({ name, folder: name })),
    scales: plan.scales,
    stages: plan.stages ?? [],
    measures: plan.measures ?? {},
    generate: plan.generate ?? null,
    deliver: plan.deliver ?? [],
    from: plan.from ?? null,
  };
  return zip(files.set('job.json', Buffer.from(JSON.stringify(job))));
}

/**
 * Puts the package where workers fetch it from: into Ray's own store or, if it is too large for that, into the folder
 * of `on.storage` where this machine has it, too.
 * @param id of the job
 * @returns its URI
 */
export async function placed(
  client: RayClient,
  bytes: Buffer,
  { id, storage, signal, most = MOST_PACKAGE }: { id: string; storage: string; signal: AbortSignal; most?: number },
): Promise<string> {
  if (bytes.length <= most) {
    const uri = `gcs://_ray_pkg_${sha256(bytes).slice(0, 32)}.zip`;
    await client.upload(uri, bytes, signal);
    return uri;
  }
  const isHere = isAbsolute(storage) && (await stat(storage).catch(() => undefined))?.isDirectory();
  if (!isHere) throw tooLarge(bytes.length, client.address);
  const file = packageFile(storage, id);
  await writeFileAtomic(file, bytes);
  // Ray reads what stands behind the scheme as in any address: without %, # and ?.
  return pathToFileURL(file).href;
}

/** Removes the package of a job that has ended, where it is in `on.storage`; a run does not fail for one that stays. */
export async function removePackage(storage: string, id: string): Promise<void> {
  if (isAbsolute(storage)) await rm(packageFile(storage, id), { force: true }).catch(() => undefined);
}

const packageFile = (storage: string, id: string): string => join(storage, `${id}.zip`);
