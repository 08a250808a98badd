/** Adapters that are named by their place on the Hub (`hub:OWNER/NAME@REVISION`), as folders of the cache. */
import { join } from 'node:path';
import { hubFolder, hubName, isHubName } from '../contract/hubName.js';
import { cacheError, userCache } from '../models/cache/userCache.js';
import { downloadModel, type DownloadReporter } from '../models/hub/hub.js';
import { readManifest } from '../models/hub/manifest.js';
import { HumanError } from '../support/errors.js';

export interface HubAdapter {
  folder: string;
  commit: string;
  /** The name says the commit: it means the same adapter for ever. */
  isPinned: boolean;
}

interface HubAdapterOptions extends DownloadReporter {
  /**
   * What is there, by its hashes, is not downloaded again. Default: the user's; one that came with a recipe may lie.
   */
  readonly cache?: string;
  readonly token?: string;
}

/** @returns by what is written; paths of this machine are not in it. */
export async function hubAdapters(
  written: readonly string[],
  { cache = userCache(), token, ...reporter }: HubAdapterOptions,
): Promise<Map<string, HubAdapter>> {
  const found = new Map<string, HubAdapter>();
  for (const name of new Set(written.filter(isHubName))) {
    const { repository, revision } = requireHubName(name);
    const into = join(cache, 'hub', hubFolder({ repository, revision }));
    const { path: folder } = await downloadModel(
      { kind: 'adapter', repository, revision, folder: into, token, force: true },
      reporter,
      { waits: true },
    ).catch((error: unknown) => Promise.reject(cacheError(error, cache)));
    const { commit } = (await readManifest(folder))!;
    found.set(name, { folder, commit, isPinned: commit === revision });
  }
  return found;
}

function requireHubName(name: string): NonNullable<ReturnType<typeof hubName>> {
  const found = hubName(name);
  if (found) return found;
  throw new HumanError('this is not the name of an adapter on the Hub.', {
    place: name,
    remedy: 'Write hub:OWNER/NAME@REVISION; the revision is best a commit.',
  });
}
