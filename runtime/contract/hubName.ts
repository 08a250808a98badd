/** Adapters that recipes name by their place on the Hugging Face Hub: `hub:OWNER/NAME@REVISION`. */
const REFERENCE = /^hub:([\w.-]+\/[\w.-]+)(?:@([\w./+-]+))?$/;

interface HubName {
  repository: string;
  revision: string;
}

export const isHubName = (path: string): boolean => path.startsWith('hub:');

/** Undefined where it is not written like that. Without a revision it is `main`, which may change. */
export function hubName(path: string): HubName | undefined {
  const [, repository, revision = 'main'] = REFERENCE.exec(path) ?? [];
  return repository === undefined ? undefined : { repository, revision };
}

const FOLDER = 'adapters--';

/** The name of its folder in the cache. On the Hub no name of a repository has two dashes in a row. */
export const hubFolder = ({ repository, revision }: HubName): string =>
  `${FOLDER}${`${repository}@${revision}`.replaceAll('/', '--')}`;

/** The other way round; undefined for any other folder. */
export const hubNameOf = (folder: string): HubName | undefined =>
  folder.startsWith(FOLDER) ? hubName(`hub:${folder.slice(FOLDER.length).replaceAll('--', '/')}`) : undefined;
