/** Adapters that go to a cluster, and those that come back. */
import { readFile, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { CONFIG_FILE, WEIGHTS_FILE } from '../../adapters/files.js';
import { adapterFlat, saveAdapter, type FlatAdapter } from '../../adapters/flat.js';
import { matrices, type Layout } from '../../adapters/sites.js';
import type { JobMessage } from '../../cluster/messages.js';
import type { JobPlan } from '../../cluster/package.js';
import type { Recipe } from '../../contract/recipe.js';
import { RUN_FILES } from '../../contract/runFiles.js';
import { HumanError } from '../../support/errors.js';
import { sha256, writeFileAtomic } from '../../support/files.js';
import { makeFolder } from '../../support/makeFolder.js';
import type { Job } from './job.js';

export interface SentAdapter extends Pick<FlatAdapter, 'layout' | 'flat'> {
  readonly name: string;
  readonly config: FlatAdapter['file']['config'];
  readonly role: 'task' | 'security';
}

/** The adapters as PEFT reads them. One after the other: all pass through one folder. */
export async function peftAdapters(job: Job<Recipe>, adapters: readonly SentAdapter[]): Promise<JobPlan['adapters']> {
  const sent = [];
  for (const adapter of adapters) sent.push({ name: adapter.name, files: await peftFiles(job, adapter) });
  return sent;
}

/** File → bytes. */
async function peftFiles({ folder }: Job<Recipe>, adapter: SentAdapter): Promise<Map<string, Uint8Array>> {
  const place = folder.file(RUN_FILES.received, 'sent');
  await makeFolder(place);
  try {
    await saveAdapter(place, { ...adapter, provenance: {} });
    const files = new Map<string, Uint8Array>();
    for (const name of [CONFIG_FILE, WEIGHTS_FILE]) files.set(name, await readFile(join(place, name)));
    return files;
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/**
 * An adapter that came back, checked: its bytes are those that were sent, it has the matrices that were asked for and
 * no others, and each is a number.
 */
export async function received(
  { job, adapters }: { readonly job: Job<Recipe>; readonly adapters: readonly SentAdapter[] },
  { name, sha256: sum, place, bytes: size, data }: Extract<JobMessage, { kind: 'adapter' }>,
): Promise<Float32Array> {
  const wrong = (message: string, remedy = 'Resume the run: it is fetched again.'): HumanError =>
    new HumanError(message, { place, remedy, kind: 'failed' });
  const sent = adapters.find((adapter) => adapter.name === name);
  if (!sent) throw wrong(`the job delivers an adapter "${name}", which was not asked for.`);
  const folder = job.folder.file(RUN_FILES.received, name);
  const file = join(folder, WEIGHTS_FILE);
  // What lies here may be of another step.
  const places = [file, ...(isAbsolute(place) ? [place] : [])];
  const found =
    data === undefined
      ? await Promise.all(places.map((one) => readFile(one).catch(() => undefined)))
      : [Buffer.from(data, 'base64')];
  const bytes = found.find((one) => one && sha256(one) === sum);
  if (!bytes && data !== undefined) throw wrong('the adapter is not what the cluster wrote: its SHA-256 differs.');
  if (!bytes)
    throw wrong(
      `the adapter has ${Math.ceil(size / 2 ** 20)} MiB, too many for the log, and ${
        found.some((one) => one)
          ? 'what this machine can read of it is another one: its SHA-256 differs'
          : 'lies where this machine cannot read it'
      }.`,
      `Copy it to ${file}, and resume.`,
    );
  await saveAdapter(folder, { ...sent, provenance: {} });
  await writeFileAtomic(file, bytes);
  const { layout, flat } = await adapterFlat(folder, job.context);
  const ordered = inOrder(layout, flat, sent.layout);
  if (!ordered) throw wrong('the adapter has other matrices than those that were trained.');
  if (!flat.every(Number.isFinite))
    throw wrong(
      'the adapter has numbers that are not finite.',
      'Lower optimizer.learningRate, and start the run over.',
    );
  return ordered;
}

/** The matrices of `from` in the order of `to`; undefined where they are not the same ones. */
function inOrder(from: Layout, flat: Float32Array, to: Layout): Float32Array | undefined {
  if (from.size !== to.size) return undefined;
  const known = new Map(from.sites.map((site) => [site.name, site]));
  const ordered = new Float32Array(to.size);
  for (const site of to.sites) {
    const own = known.get(site.name);
    if (own?.rank !== site.rank) return undefined;
    const [target, source] = [matrices(ordered, site), matrices(flat, own)];
    target.A.set(source.A);
    target.B.set(source.B);
  }
  return ordered;
}
