/** What a repository on the Hub has, before anything of it is downloaded. */
import { checkedAddress } from './address.js';
import type { HubAddress } from './address.js';
import type { HubFile } from './files.js';
import { SETTINGS } from './hub.js';
import type { DownloadParams, DownloadReporter, DownloadSettings } from './hub.js';
import { allFiles, repositoryInfo } from './listing.js';
import type { RepositoryInfo } from './listing.js';
import { hubClient } from './request.js';

interface Described extends RepositoryInfo {
  address: HubAddress;
  /** The one that was named. */
  requestedFile?: string;
  files: HubFile[];
}

export async function describeRepository(
  params: Omit<DownloadParams, 'folder' | 'force'>,
  { signal, onLog }: DownloadReporter,
  changed: Partial<DownloadSettings> = {},
): Promise<Described> {
  const settings = { ...SETTINGS, ...changed };
  const { requestedFile, ...address } = checkedAddress(params);
  const client = hubClient(address, { signal, patience: settings, onLog: (message) => onLog('warn', message) });
  const info = await repositoryInfo(client.fetch, address);
  return {
    ...info,
    address,
    requestedFile,
    files: await allFiles(client.fetch, address, info.commit, settings.listingMs),
  };
}
