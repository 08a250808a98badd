/** Files of this machine as a commit of a repository on the Hub. */
import { commitIter, createRepo, HubApiError, modelInfo } from '@huggingface/hub';
import { pathToFileURL } from 'node:url';
import { fetch as send } from 'undici';
import { sum } from '../../contract/sum.js';
import { Cancelled, HumanError } from '../../support/errors.js';
import { onDemand } from '../../support/onDemand.js';
import { checkedAddress } from './address.js';
import type { HubAddress } from './address.js';
import { connectionError } from './connectionErrors.js';
import { again, Interrupted, storageError } from './responseErrors.js';
import { isMixedUp, isWeights } from './files.js';
import type { HubFile, HubKind } from './files.js';
import { agrees } from './hashes.js';
import type { Sums } from './hashes.js';
import { SETTINGS } from './hub.js';
import type { DownloadReporter } from './hub.js';
import { allFiles } from './listing.js';
import { hubClient } from './request.js';

export interface FileToUpload {
  /** In the repository. */
  path: string;
  size: number;
  sums: Sums;
  /** A file of this machine, or its content. */
  source: { file: string } | { text: string };
}

interface UploadParams {
  kind: Extract<HubKind, 'model' | 'adapter'>;
  repository: string;
  isPublic: boolean;
  title: string;
  files: readonly FileToUpload[];
  /** What `leftovers` found. */
  removed: readonly string[];
  token?: string;
  endpoint?: string;
}

interface Uploaded {
  url: string;
  commit: string;
  isPublic: boolean;
}

/**
 * Files of earlier uploads in the repository that would be mixed up with these; none where it is not there, or without
 * a token, without which nothing is sent either.
 * @throws HumanError for an adapter where a model is: loaders would take the model with it
 */
export async function leftovers(
  { kind, repository, files, ...given }: Omit<UploadParams, 'isPublic' | 'title' | 'removed'>,
  reporter: Pick<DownloadReporter, 'signal' | 'onLog'>,
): Promise<string[]> {
  const address = checkedAddress({ ...given, kind, repository });
  if (address.token === undefined) return [];
  const sent = new Set(files.map(({ path }) => path));
  const there = await listing(address, 'main', reporter).catch((error: unknown) => {
    if (error instanceof HumanError && error.code === 'token') return [];
    throw error;
  });
  if (kind === 'adapter' && there.some(({ path }) => isWeights(path)))
    throw new HumanError('this repository holds a model, which would be loaded with the adapter.', {
      place: repository,
      remedy: 'Publish the adapter in a repository of its own.',
    });
  return there
    .map(({ path }) => path)
    .filter((path) => isMixedUp(kind, path) && !sent.has(path))
    .sort();
}

/** Files of models and of adapters, whichever it is now. */
async function listing(
  address: HubAddress,
  commit: string,
  { signal, onLog }: Pick<DownloadReporter, 'signal' | 'onLog'>,
): Promise<HubFile[]> {
  const log = (message: string): void => onLog('warn', message);
  const client = hubClient(address, { signal, patience: SETTINGS, onLog: log, use: 'publish' });
  const found = new Map<string, HubFile>();
  for (const kind of ['model', 'adapter'] as const)
    for (const file of await allFiles(client.fetch, { ...address, kind }, commit, SETTINGS.listingMs))
      found.set(file.path, file);
  return [...found.values()];
}

/**
 * Makes the repository where there is none, sends the files, and removes others, as one commit, and compares what the
 * Hub then lists with their hashes.
 * @throws HumanError without a token, for a repository that is public when a private one was asked for, and for what
 * the Hub refuses
 * @throws Cancelled until the commit is asked for; files that were sent until then are not in the repository
 */
export async function upload(params: UploadParams, reporter: DownloadReporter): Promise<Uploaded> {
  const { kind, repository, files, removed, isPublic } = params;
  const { requestedFile, ...address } = checkedAddress({ ...params, kind });
  if (requestedFile !== undefined || !repository.includes('/'))
    throw new HumanError('this is not the name of a repository.', { place: repository, remedy: 'Write OWNER/NAME.' });
  if (address.token === undefined)
    throw new HumanError('publishing needs an access token that may write.', {
      place: repository,
      remedy: 'In VS Code: Set the Hugging Face Token. On the command line: HF_TOKEN.',
      code: 'token',
    });
  const ask = asking(address, reporter.signal);
  const repo = { type: 'model', name: address.repository } as const;
  const hub = { repo, hubUrl: address.endpoint, fetch: ask };
  // What was asked for cannot be taken back: from then on it is waited for.
  let isAsked = false;
  try {
    const isNew = await created(hub, isPublic);
    const { private: isPrivate } = isNew
      ? { private: !isPublic }
      : await modelInfo({ name: repo.name, revision: 'main', hubUrl: address.endpoint, fetch: ask });
    if (!isPrivate && !isPublic)
      throw new HumanError('the repository already exists and is public; nothing was sent.', {
        place: repository,
        remedy: 'Choose another name, make it private on the Hub, or publish with --public.',
      });
    const operations = [
      ...files.map(({ path, source }) => ({
        operation: 'addOrUpdate' as const,
        path,
        content: 'file' in source ? pathToFileURL(source.file) : new Blob([source.text]),
      })),
      ...removed.map((path) => ({ operation: 'delete' as const, path })),
    ];
    // the storage protocol of LFS is what this program can check
    const steps = commitIter({ ...hub, operations, title: params.title, useXet: false, abortSignal: reporter.signal });
    const total = sum(files.map(({ size }) => size));
    const sent = new Map<string, number>();
    for (;;) {
      const { done, value } = await steps.next();
      if (reporter.signal.aborted && !isAsked) throw new Cancelled();
      if (done) {
        if (!value) throw new Error('the commit has no answer');
        await compare(address, value.commit.oid, params, { ...reporter, signal: new AbortController().signal });
        return { url: `${address.endpoint}/${repository}`, commit: value.commit.oid, isPublic: !isPrivate };
      }
      isAsked ||= value.event === 'phase' && value.phase === 'committing';
      if (value.event !== 'fileProgress' || value.state !== 'uploading') continue;
      sent.set(value.path, value.progress * (files.find(({ path }) => path === value.path)?.size ?? 0));
      reporter.onProgress(`sending ${value.path}`, sum(sent.values()) / total);
    }
  } catch (error) {
    throw reporter.signal.aborted && !isAsked ? new Cancelled() : forPeople(error, address);
  }
}

/** False where it is there already. */
async function created(
  hub: Pick<Parameters<typeof createRepo>[0], 'repo' | 'hubUrl' | 'fetch'>,
  isPublic: boolean,
): Promise<boolean> {
  try {
    // the token is added by `ask`
    await createRepo({ ...hub, accessToken: '', visibility: isPublic ? 'public' : 'private' });
    return true;
  } catch (error) {
    if (error instanceof HubApiError && error.statusCode === 409) return false;
    throw error;
  }
}

/** The request that publishes. */
const COMMIT = /\/commit\/[^/]+$/;

/**
 * `fetch` with the proxy of this machine. The token goes to the Hub's own origin only, and redirects are not followed.
 * What the storage refuses is told here: its signed address, which the error of the library repeats, is a key.
 */
function asking({ endpoint, token, repository }: HubAddress, stop: AbortSignal): typeof fetch {
  const { origin } = new URL(endpoint);
  const dispatcher = onDemand(async () => (await import('../../support/network.js')).proxyAgent());
  let isReached = false;
  return (async (input: string, init: RequestInit = {}) => {
    const url = new URL(input);
    const signal = COMMIT.test(url.pathname) ? undefined : stop;
    const headers = new Headers(init.headers);
    headers.delete('authorization');
    if (url.origin === origin) headers.set('authorization', `Bearer ${token}`);
    headers.set('user-agent', 'security-vectors');
    const request = { method: init.method, body: init.body, headers: Object.fromEntries(headers.entries()) };
    try {
      const answer = await send(url, { ...request, dispatcher: await dispatcher(), redirect: 'manual', signal });
      isReached = true;
      if (answer.ok || (url.origin === origin && !isRedirect(answer))) return answer;
      await answer.body?.cancel();
      throw url.origin === origin ? elsewhere(repository, url.host) : storageError(answer, url.host, 'publish').final;
    } catch (error) {
      if (signal?.aborted) throw new Cancelled();
      if (error instanceof HumanError) throw error;
      const failed = connectionError(error, {
        host: url.host,
        place: repository,
        use: 'publish',
        silent: false,
        isReached,
      });
      throw failed instanceof Interrupted ? failed.final : failed;
    }
  }) as typeof fetch;
}

const isRedirect = ({ status }: { status: number }): boolean => status >= 300 && status < 400;

/** The Hub does so for a repository that was renamed. */
const elsewhere = (place: string, host: string): HumanError =>
  new HumanError(`${host} redirects to another address: the repository may have been renamed.`, {
    place,
    remedy: 'Look at its page, and publish under the name that it has now.',
  });

/** What the Hub lists is what was sent. */
async function compare(
  address: HubAddress,
  commit: string,
  { files, removed }: Pick<UploadParams, 'files' | 'removed'>,
  reporter: DownloadReporter,
): Promise<void> {
  const listed = await listing(address, commit, reporter).catch((error: unknown) => {
    throw error instanceof HumanError ? uncompared(error) : error;
  });
  const there = new Map(listed.map((file) => [file.path, file]));
  const wrong = files.find(({ path, size, sums }) => {
    const found = there.get(path);
    return found?.size !== size || !agrees(found, sums);
  });
  const kept = removed.find((path) => there.has(path));
  if (wrong ?? kept)
    throw new HumanError(
      wrong ? `the Hub lists another ${wrong.path} than was sent.` : `the Hub still lists ${kept}, which was removed.`,
      {
        place: address.repository,
        remedy: 'Publish again; if it happens again, do not use the repository.',
        kind: 'failed',
      },
    );
}

const uncompared = (cause: HumanError): HumanError =>
  new HumanError(`all was sent, and cannot be compared with what the Hub lists: ${cause.message}`, {
    place: cause.place,
    remedy: 'Look at its page on the Hub, or publish again.',
    kind: 'failed',
    cause,
  });

/** Too slow, another commit in between, too many requests. */
const PASSING = new Set([408, 412, 429]);

function forPeople(error: unknown, { repository: place, endpoint }: HubAddress): unknown {
  if (!(error instanceof HubApiError)) return error;
  const { host } = new URL(endpoint);
  const { statusCode: status } = error;
  if (status === 401 || status === 403)
    return new HumanError(`the access token is not allowed to write there (${status}).`, {
      place,
      remedy: 'Make a token with the right to write to repositories of this owner, in the account settings of the Hub.',
    });
  const passes = status >= 500 || PASSING.has(status);
  return new HumanError(`${host} refuses: ${error.message.slice(0, 300)} (${status}).`, {
    place,
    remedy: passes ? again('publish', ' later') : 'Check the name (OWNER/NAME).',
    kind: 'failed',
  });
}
