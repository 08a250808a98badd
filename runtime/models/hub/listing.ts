/** What the Hub reports about a repository: its commit and its files. Bounded, whatever answers. */
import { Cancelled, HumanError } from '../../support/errors.js';
import { pageOf } from './address.js';
import type { HubAddress } from './address.js';
import { checkedFile, checkNames, selectFiles } from './files.js';
import type { HubFile } from './files.js';

/** A repository does not have more files than this. */
const MAX_FILES = 100_000;
/** The Hub's own pages have 1000 files. */
const MAX_PAGES = 200;
const MAX_BYTES = 64 * 2 ** 20;
const COMMIT = /^[0-9a-f]{40,64}$/;

/** The commit that a revision is, and what its owner asks of people. */
export interface RepositoryInfo {
  commit: string;
  /** As its card says. */
  licence: string | null;
  /** Access is given to people who accept its terms. */
  gated: boolean;
}

export async function repositoryInfo(
  ask: typeof fetch,
  { kind, endpoint, repository, revision }: HubAddress,
): Promise<RepositoryInfo> {
  const asked = { name: repository, revision, hubUrl: endpoint, fetch: ask };
  const { datasetInfo, modelInfo } = await import('@huggingface/hub');
  const { sha, gated, cardData } = await understood(repository, () =>
    kind === 'dataset'
      ? datasetInfo({ ...asked, additionalFields: ['sha', 'cardData'] })
      : modelInfo({ ...asked, additionalFields: ['sha', 'cardData'] }),
  );
  if (typeof sha !== 'string' || !COMMIT.test(sha))
    throw notUnderstood(repository, new Error('the answer has no commit'));
  const licence: unknown[] = [cardData?.license].flat();
  const named = licence
    .filter((text) => typeof text === 'string')
    .join(', ')
    .slice(0, 200);
  return { commit: sha, licence: named || null, gated: Boolean(gated) };
}

/** The commit that a revision is. */
export const commitOf = async (ask: typeof fetch, address: HubAddress): Promise<string> =>
  (await repositoryInfo(ask, address)).commit;

/**
 * The files at a commit that are downloaded, checked: names inside the folder, and no two that a file system could take
 * for one.
 * @param ask answers with bodies that were read and are valid JSON of a bounded depth.
 * @param longestMs for all pages together.
 */
export async function filesOf(
  ask: typeof fetch,
  address: HubAddress,
  commit: string,
  requestedFile: string | undefined,
  longestMs: number,
): Promise<{ kind: 'folder' | 'single'; files: HubFile[] }> {
  const { kind, repository } = address;
  const selection = selectFiles(await allFiles(ask, address, commit, longestMs), repository, requestedFile, kind);
  const files =
    selection.kind === 'sharded'
      ? selection.select(
          await understood(repository, async () =>
            (await ask(resolveUrl(address, commit, selection.index.path))).json(),
          ),
        )
      : selection.files;
  checkNames(files, repository);
  return { kind: selection.kind === 'single' ? 'single' : 'folder', files };
}

/** All files of the repository that are of its kind. */
export async function allFiles(
  ask: typeof fetch,
  { kind, endpoint, repository }: HubAddress,
  commit: string,
  longestMs: number,
): Promise<HubFile[]> {
  const { listFiles } = await import('@huggingface/hub');
  return understood(repository, async () => {
    const repo = { type: kind === 'dataset' ? 'dataset' : 'model', name: repository } as const;
    const pages = boundedPages(ask, repository, longestMs);
    const found: HubFile[] = [];
    let count = 0;
    for await (const entry of listFiles({ repo, revision: commit, recursive: true, hubUrl: endpoint, fetch: pages })) {
      if (++count > MAX_FILES) throw endless(repository, `has more than ${MAX_FILES} files`);
      const file = checkedFile(entry, repository, kind);
      if (file) found.push(file);
    }
    return found;
  });
}

/** Answers to the pages of a listing: none twice, not more than a number, a size and a time. */
function boundedPages(ask: typeof fetch, repository: string, longestMs: number): typeof fetch {
  const seen = new Set<string>();
  const until = performance.now() + longestMs;
  let bytes = 0;
  return async (input, init) => {
    const url = String(input);
    if (seen.has(url)) throw endless(repository, 'leads back to a page that was read');
    if (seen.size >= MAX_PAGES) throw endless(repository, `has more than ${MAX_PAGES} pages`);
    if (performance.now() > until) throw endless(repository, `takes more than ${Math.round(longestMs / 1000)} s`);
    seen.add(url);
    const answer = await ask(input, init);
    bytes += Number(answer.headers.get('content-length'));
    if (bytes > MAX_BYTES) throw endless(repository, `has more than ${MAX_BYTES} bytes`);
    return answer;
  };
}

const endless = (place: string, what: string): HumanError =>
  new HumanError(`the Hub's list of files ${what}.`, {
    place,
    remedy: 'Check that HF_ENDPOINT is a Hugging Face Hub, or choose another repository.',
    kind: 'failed',
  });

/** Answers that are not what the Hub sends (a proxy's page, another program's JSON) are not bugs of this program. */
async function understood<T>(repository: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof HumanError || error instanceof Cancelled) throw error;
    throw notUnderstood(repository, error);
  }
}

const notUnderstood = (place: string, cause: unknown): HumanError =>
  new HumanError(`the Hub's answer is not understood: ${(cause as Error).message.slice(0, 200)}.`, {
    place,
    remedy: 'Check that HF_ENDPOINT is a Hugging Face Hub, and that no login page or proxy answers instead.',
    kind: 'failed',
    cause,
  });

export const resolveUrl = (address: HubAddress, commit: string, path: string): string =>
  `${pageOf(address)}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
