import { listFiles, modelInfo } from '@huggingface/hub';
import { mkdir, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Cancelled, HumanError } from '../../errors.js';
import { writeFileAtomic } from '../../files.js';
import { checkedFile, parseRepository, selectFiles } from './files.js';
import type { HubFile } from './files.js';
import type { HubAddress } from './refusals.js';
import { completeModel, MANIFEST, readManifest, sizeOf } from './manifest.js';
import type { DownloadManifest } from './manifest.js';
import { hubClient, isOffline } from './request.js';
import type { HubClient, Patience } from './request.js';
import { sameContent, transfer } from './transfer.js';

export interface DownloadParams {
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
}

export interface DownloadSpeech {
  readonly signal: AbortSignal;
  readonly onProgress: (message: string, fraction?: number) => void;
  readonly onLog: (level: 'info' | 'warn' | 'error', message: string) => void;
}

export interface DownloadSettings extends Patience {
  freeBytes: (folder: string) => Promise<number>;
}

const SETTINGS: DownloadSettings = {
  attempts: 5,
  pauseMs: 1000,
  answerMs: 30_000,
  silenceMs: 60_000,
  freeBytes: async (folder) => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
};

const HUB = 'https://huggingface.co';
/** More files than this are no model. */
const MOST_FILES = 100_000;
const COMMIT = /^[0-9a-f]{40,64}$/;
const PART = /^(.+)\.[0-9a-f]{16}\.part$/;
const REPORT_MS = 100;

/** Folders that a download is writing to. */
const busy = new Set<string>();

/**
 * Downloads a model from the Hugging Face Hub: a Hugging Face folder, or one GGUF file. Files come as `.part` files beside
 * and get their names together at the end, so that a folder is the model or no model; a download that was cut off goes on
 * where it stopped. A folder that has the revision already is left as it is.
 * @returns the folder, or the GGUF file in it, absolute.
 * @throws HumanError: offline, no access, no such model or revision, disk full, wrong checksum. Cancelled.
 */
export async function downloadModel(
  params: DownloadParams,
  speech: DownloadSpeech,
  changed: Partial<DownloadSettings> = {},
): Promise<{ path: string }> {
  const folder = resolve(params.folder);
  if (busy.has(folder))
    throw new HumanError('this folder is being downloaded to already.', {
      place: folder,
      remedy: 'Wait for that download, or choose another folder.',
    });
  busy.add(folder);
  try {
    return await download(params, folder, speech, { ...SETTINGS, ...changed });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    throw new HumanError('the disk is full.', {
      place: folder,
      remedy: 'Free some space and download again: it goes on where it stopped.',
      kind: 'failed',
      cause: error,
    });
  } finally {
    busy.delete(folder);
  }
}

async function download(
  params: DownloadParams,
  folder: string,
  speech: DownloadSpeech,
  settings: DownloadSettings,
): Promise<{ path: string }> {
  const { signal } = speech;
  const endpoint = checkedEndpoint(params.endpoint ?? (process.env.HF_ENDPOINT || HUB));
  const { repository, file: wanted } = parseRepository(params.repository, endpoint);
  const revision = checkedRevision(params.revision ?? 'main');
  const address = { endpoint, repository, revision, token: checkedToken(params.token ?? process.env.HF_TOKEN) };
  const before = await readManifest(folder, repository);
  const complete = before && (await completeModel(folder, before, wanted));
  if (complete && before.commit === revision) return complete;

  const onLog = (message: string) => speech.onLog('warn', message);
  const client = hubClient(address, { signal, patience: settings, onLog });
  let commit: string;
  try {
    commit = await commitOf(client, address);
  } catch (error) {
    if (!complete || before.revision !== revision || !isOffline(error)) throw error;
    onLog(
      `${(error as HumanError).message} The folder has "${revision}" as it was downloaded (commit ${before.commit}).`,
    );
    return complete;
  }
  if (complete && before.commit === commit) return complete;

  const { kind, files } = await filesOf(client, address, commit, wanted);
  const old = before?.files ?? {};
  await mkdir(folder, { recursive: true });
  const parts = new Map(files.map((file) => [file, join(folder, partName(file, commit))]));
  const sums = new Map<HubFile, string>();
  for (const file of files) {
    const place = join(folder, file.name);
    const sum = await sameContent(place, file, signal);
    if (sum !== undefined) sums.set(file, sum);
    else if (!(file.name in old) && (await sizeOf(place)) !== undefined)
      throw new HumanError(
        'the folder has another file of this name, which is not of an earlier download of this model.',
        {
          place,
          remedy: 'Choose another folder, or move the file away.',
        },
      );
  }
  const missing = files.filter((file) => !sums.has(file));
  await checkSpace(folder, missing, parts, settings);

  const total = missing.reduce((bytes, { size }) => bytes + size, 0);
  let there = 0;
  let reported = 0;
  for (const file of missing) {
    const onBytes = (bytes: number): void => {
      there += bytes;
      if (Date.now() - reported < REPORT_MS && there < total) return;
      reported = Date.now();
      speech.onProgress(
        `downloading ${repository}: ${file.name}, ${megabytes(there)} of ${megabytes(total)}`,
        total > 0 ? there / total : 1,
      );
    };
    const url = resolveUrl(address, commit, file.path);
    sums.set(file, await transfer({ client, url, file, part: parts.get(file)!, signal, onBytes }));
  }
  if (signal.aborted) throw new Cancelled();

  for (const file of missing) await rename(parts.get(file)!, join(folder, file.name));
  const entries = files.map((file) => {
    const { name, path, size } = file;
    return [name, { size, sha256: sums.get(file)!, ...(path === name ? {} : { path }) }] as const;
  });
  const stays = before?.commit === commit ? old : {};
  const manifest: DownloadManifest = {
    repository,
    revision,
    commit,
    files: { ...stays, ...Object.fromEntries(entries) },
  };
  // files that the new commit no longer has would be mixed with its own; GGUF files are whole models
  const stale = Object.keys(old).filter(
    (name) => kind === 'folder' && !name.endsWith('.gguf') && !(name in manifest.files),
  );
  for (const name of stale) await rm(join(folder, name), { force: true });
  await writeFileAtomic(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  await removeParts(folder, files);
  return { path: kind === 'gguf' ? join(folder, files[0]!.name) : folder };
}

async function commitOf(client: HubClient, { endpoint, repository, revision }: HubAddress): Promise<string> {
  const { sha } = await understood(repository, () =>
    modelInfo({ name: repository, revision, hubUrl: endpoint, additionalFields: ['sha'], fetch: client.fetch }),
  );
  if (typeof sha === 'string' && COMMIT.test(sha)) return sha;
  throw notUnderstood(repository, new Error('the answer has no commit'));
}

/** The model's files at a commit, checked: names inside the folder, and no two that a file system could take for one. */
async function filesOf(client: HubClient, address: HubAddress, commit: string, wanted: string | undefined) {
  const { endpoint, repository } = address;
  const listed = await understood(repository, async () => {
    const repo = { type: 'model', name: repository } as const;
    const files: HubFile[] = [];
    let count = 0;
    for await (const entry of listFiles({
      repo,
      revision: commit,
      recursive: true,
      hubUrl: endpoint,
      fetch: client.fetch,
    })) {
      if (++count > MOST_FILES)
        throw new HumanError(`the repository has more than ${MOST_FILES} files.`, { place: repository });
      const file = checkedFile(entry, repository);
      if (file) files.push(file);
    }
    return files;
  });
  const selection = selectFiles(listed, repository, wanted);
  const files =
    selection.kind === 'sharded'
      ? selection.select(
          await understood(repository, async () =>
            (await client.fetch(resolveUrl(address, commit, selection.index.path))).json(),
          ),
        )
      : selection.files;
  const names = files.map(({ name }) => name.toLowerCase());
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new HumanError(`the repository has two files named ${twice}.`, {
      place: repository,
      remedy: 'Choose another model.',
    });
  return { kind: selection.kind === 'gguf' ? ('gguf' as const) : ('folder' as const), files };
}

/** Answers that are not what the Hub sends (a proxy's page, another program's JSON) are no bugs of ours. */
async function understood<T>(repository: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof HumanError || error instanceof Cancelled) throw error;
    throw notUnderstood(repository, error);
  }
}

const notUnderstood = (place: string, cause: unknown): HumanError =>
  new HumanError(`the Hub's answer is not understood: ${(cause as Error).message}.`, {
    place,
    remedy: 'Check that HF_ENDPOINT is a Hugging Face Hub, and that no login page or proxy answers instead.',
    kind: 'failed',
    cause,
  });

const resolveUrl = ({ endpoint, repository }: HubAddress, commit: string, path: string): string =>
  `${endpoint}/${repository}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;

/** Named by content, so that a part is never gone on with as another version of the file. */
const partName = ({ name, sha256, gitOid }: HubFile, commit: string): string =>
  `${name}.${(sha256 ?? gitOid ?? commit).slice(0, 16)}.part`;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

async function checkSpace(
  folder: string,
  missing: readonly HubFile[],
  parts: ReadonlyMap<HubFile, string>,
  { freeBytes }: DownloadSettings,
): Promise<void> {
  let needed = 0;
  for (const file of missing) needed += Math.max(0, file.size - ((await sizeOf(parts.get(file)!)) ?? 0));
  const free = await freeBytes(folder);
  if (needed <= free) return;
  throw new HumanError(`the download needs ${megabytes(needed)}; the disk has ${megabytes(free)} free.`, {
    place: folder,
    remedy: 'Free some space or choose a folder on another disk.',
    kind: 'failed',
  });
}

async function removeParts(folder: string, files: readonly HubFile[]): Promise<void> {
  const names = new Set(files.map(({ name }) => name));
  for (const name of await readdir(folder))
    if (names.has(PART.exec(name)?.[1] ?? '')) await rm(join(folder, name), { force: true });
}

function checkedEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // the address is not repeated: it may hold a password
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '')
    throw new HumanError('the address of the Hub must be http(s)://host, without a name or password.', {
      place: 'HF_ENDPOINT',
      remedy: 'Correct it, or leave it out for huggingface.co.',
    });
  return url.href.replace(/\/+$/, '');
}

function checkedRevision(text: string): string {
  if (/^[\w./+-]{1,200}$/.test(text) && !text.split('/').includes('..')) return text;
  throw new HumanError('this is no revision.', {
    place: JSON.stringify(text),
    remedy: 'Name a branch, a tag or a commit.',
  });
}

function checkedToken(text: string | undefined): string | undefined {
  const token = text?.trim();
  if (token === undefined || token === '') return undefined;
  // checked here: what refuses it later would repeat it
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new HumanError('the access token has characters that no token has.', {
    place: 'HF_TOKEN',
    remedy: 'Copy it again.',
  });
}
