import { join, resolve } from 'node:path';
import { megabytes } from '../../contract/format.js';
import { sum } from '../../contract/sum.js';
import { Cancelled, HumanError } from '../../support/errors.js';
import { freeSpace } from '../../support/freeSpace.js';
import { checkedAddress } from './address.js';
import { contentsOf, requireUnchanged } from './contents.js';
import type { Contents } from './contents.js';
import { folderError } from './folderError.js';
import type { HubKind } from './files.js';
import { fileSums, standing } from './hashes.js';
import { commitOf, filesOf, resolveUrl } from './listing.js';
import { completeModel, readManifest } from './manifest.js';
import type { DownloadManifest } from './manifest.js';
import { isOffline } from './connectionErrors.js';
import type { Patience } from './persistence.js';
import { hubClient } from './request.js';
import { isUntidy, withStaging, type Staging } from './staging.js';
import { transfer } from './transfer.js';

export interface DownloadParams {
  /** Default: a model. Of a data set one file is downloaded, which must be named. */
  kind?: HubKind;
  /** `owner/name`, or `owner/name/file.gguf`. */
  repository: string;
  /** Branch, tag or commit. Default: main. */
  revision?: string;
  /** Gets the files; made when it is not there. */
  folder: string;
  /** Default: the environment's HF_TOKEN. */
  token?: string;
  /** Default: the environment's HF_ENDPOINT, else huggingface.co. */
  endpoint?: string;
  /** Replaces files that no download wrote, or that were changed since, and the files of another model. */
  force?: boolean;
}

export interface DownloadReporter {
  readonly signal: AbortSignal;
  readonly onProgress: (message: string, fraction?: number) => void;
  readonly onLog: (level: 'info' | 'warn' | 'error', message: string) => void;
}

export interface DownloadSettings extends Patience {
  freeBytes: typeof freeSpace;
  /** For the list of files. */
  listingMs: number;
  /** Another download into the folder is waited for, as into one of the cache, and not refused. */
  waits: boolean;
}

export const SETTINGS: DownloadSettings = {
  attempts: 5,
  pauseMs: 1000,
  answerMs: 30_000,
  silenceMs: 60_000,
  wholeMs: 300_000,
  listingMs: 600_000,
  waits: false,
  freeBytes: freeSpace,
};

const REPORT_MS = 100;
/** A folder without it is not complete. */
const MAIN: Record<HubKind, string> = { model: 'config.json', adapter: 'adapter_config.json', dataset: '' };

/**
 * Downloads from the Hugging Face Hub: a model as a Hugging Face folder or one GGUF file, an adapter, or a file of a
 * data set. Files come in `.download/` and get their names together at the end, so that a folder is the model or no
 * model; a download that was cut off goes on where it stopped, what another one left is removed. A folder that has the
 * revision already is left as it is.
 * @returns the folder, or the GGUF file in it, absolute.
 * @throws HumanError: offline, no access, no such model or revision, disk full, wrong checksum; with code `exists` for
 * a file that would be replaced and that no download wrote as it is. Cancelled.
 */
export async function downloadModel(
  params: DownloadParams,
  reporter: DownloadReporter,
  changed: Partial<DownloadSettings> = {},
): Promise<{ path: string }> {
  const folder = resolve(params.folder);
  try {
    return await download(params, folder, reporter, { ...SETTINGS, ...changed });
  } catch (error) {
    throw folderError(error, folder);
  }
}

async function download(
  params: DownloadParams,
  folder: string,
  reporter: DownloadReporter,
  settings: DownloadSettings,
): Promise<{ path: string }> {
  const { signal } = reporter;
  const { force = false } = params;
  const { requestedFile, ...address } = checkedAddress(params);
  const { repository, revision } = address;
  const sumsOf = fileSums(signal);
  const written = async (): Promise<DownloadManifest | undefined> => {
    const manifest = await readManifest(folder);
    if (manifest && manifest.repository !== repository && !force) throw otherModel(folder, manifest, repository);
    return manifest;
  };

  const there = await written();
  const complete =
    there?.repository === repository && !(await isUntidy(folder))
      ? await completeModel(folder, there, { main: MAIN[address.kind], requestedFile }, sumsOf)
      : undefined;
  if (complete && there?.commit === revision) return complete;

  const onLog = (message: string) => reporter.onLog('warn', message);
  const client = hubClient(address, { signal, patience: settings, onLog });
  let commit: string;
  try {
    commit = await commitOf(client.fetch, address);
  } catch (error) {
    if (!complete || there?.revision !== revision || !isOffline(error)) throw error;
    onLog(
      `${(error as HumanError).message} The folder has "${revision}" as it was downloaded (commit ${there.commit}).`,
    );
    return complete;
  }
  if (complete && there?.commit === commit) return complete;
  const listing = { ...(await filesOf(client.fetch, address, commit, requestedFile, settings.listingMs)), commit };
  const { kind, files } = listing;
  const onWait = (): void => reporter.onProgress(`waiting for another download of ${repository}`);

  const bring = async (staging: Staging): Promise<{ path: string }> => {
    const before = await written();
    const look = async (): Promise<Contents> => {
      const contents = await contentsOf(folder, listing, before, sumsOf);
      if (!force) requireUnchanged(folder, contents, before);
      return contents;
    };
    const { missing, there: sums } = await look();
    const parts = new Map(missing.map((file) => [file.name, staging.part(file, commit)]));
    await staging.keepOnly([...parts.values()]);
    await checkSpace(folder, missing, parts, settings);

    const total = sum(missing.map(({ size }) => size));
    let done = 0;
    let reported = 0;
    for (const file of missing) {
      const onBytes = (bytes: number): void => {
        done += bytes;
        if (Date.now() - reported < REPORT_MS && done < total) return;
        reported = Date.now();
        reporter.onProgress(
          `downloading ${repository}: ${file.name}, ${megabytes(done)} MB of ${megabytes(total)} MB`,
          total > 0 ? done / total : 1,
        );
      };
      const url = resolveUrl(address, commit, file.path);
      sums.set(file.name, await transfer({ client, url, file, part: parts.get(file.name)!, signal, onBytes }));
    }
    if (signal.aborted) throw new Cancelled();

    // it took its time: what was changed meanwhile stays
    const { stale } = await look();
    const entries = files.map(({ name, path, size }) => {
      return [name, { size, sha256: sums.get(name)!, ...(path === name ? {} : { path }) }] as const;
    });
    const manifest: DownloadManifest = {
      repository,
      revision,
      commit,
      files: { ...staying(before, commit, stale), ...Object.fromEntries(entries) },
    };
    await staging.commit(parts, stale, `${JSON.stringify(manifest, null, 2)}\n`);
    return { path: kind === 'single' ? join(folder, files[0].name) : folder };
  };
  return withStaging(folder, bring, settings.waits ? { signal, onWait } : undefined);
}

/** Entries of files that the new download leaves in the folder. */
function staying(
  before: DownloadManifest | undefined,
  commit: string,
  stale: readonly string[],
): DownloadManifest['files'] {
  const entries = Object.entries(before?.files ?? {}).filter(([name]) => !stale.includes(name));
  return Object.fromEntries(
    entries.map(([name, entry]) => {
      const { commit: of = before!.commit, ...rest } = entry;
      return [name, { ...rest, ...(of === commit ? {} : { commit: of }) }];
    }),
  );
}

function otherModel(folder: string, { repository: there }: DownloadManifest, repository: string): HumanError {
  return new HumanError(`the folder holds ${there}.`, {
    place: folder,
    remedy: `Choose another folder for ${repository} (--out), or replace the model (--force).`,
    code: 'exists',
  });
}

async function checkSpace(
  folder: string,
  missing: readonly { name: string; size: number }[],
  parts: ReadonlyMap<string, string>,
  { freeBytes }: DownloadSettings,
): Promise<void> {
  let needed = 0;
  for (const { name, size } of missing) needed += Math.max(0, size - ((await standing(parts.get(name)!))?.size ?? 0));
  const free = (await freeBytes(folder)) ?? Infinity;
  if (needed <= free) return;
  throw new HumanError(`the download needs ${megabytes(needed)} MB; the disk has ${megabytes(free)} MB free.`, {
    place: folder,
    remedy: 'Free some space or choose a folder on another disk.',
    kind: 'failed',
  });
}
