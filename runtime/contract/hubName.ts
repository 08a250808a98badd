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
