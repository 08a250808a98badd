/** Which repository of which Hub: what a person wrote, checked before anything is asked. */
import { withoutSlash } from '../../contract/address.js';
import { HumanError } from '../../support/errors.js';
import { isSingleFile, NOUNS, safePath } from './files.js';
import type { HubKind } from './files.js';

export interface HubAddress {
  kind: HubKind;
  /** Absolute http(s) address without a slash at its end. */
  endpoint: string;
  token?: string;
  /** `owner/name`, and the revision asked for: errors name them. */
  repository: string;
  revision: string;
}

const HUB = 'https://huggingface.co';

/**
 * The address, and the one file of it if one is named. Token and endpoint come from the environment where they are not
 * given.
 */
export function checkedAddress(given: {
  kind?: HubKind;
  repository: string;
  revision?: string;
  token?: string;
  endpoint?: string;
}): HubAddress & { requestedFile?: string } {
  const { kind = 'model' } = given;
  const endpoint = checkedEndpoint(given.endpoint ?? (process.env.HF_ENDPOINT || HUB));
  const { repository, file: requestedFile } = parseRepository(given.repository, endpoint, kind);
  const revision = checkedRevision(given.revision ?? 'main');
  return {
    kind,
    endpoint,
    repository,
    requestedFile: requestedFile,
    revision,
    token: checkedToken(given.token ?? process.env.HF_TOKEN),
  };
}

/** Where the pages of data sets are, before their names. */
const pagesOf = (kind: HubKind): string => (kind === 'dataset' ? 'datasets/' : '');
/** The repository's page. */
export const pageOf = ({ kind, endpoint, repository }: HubAddress): string =>
  `${endpoint}/${pagesOf(kind)}${repository}`;

/** `owner/name`, `name`, `owner/name/file.gguf`, or the address of its page. */
function parseRepository(text: string, endpoint: string, kind: HubKind): { repository: string; file?: string } {
  let rest = text.trim();
  for (const site of [endpoint, HUB]) if (rest.startsWith(`${site}/`)) rest = rest.slice(site.length + 1);
  if (rest.startsWith(pagesOf(kind))) rest = rest.slice(pagesOf(kind).length);
  const parts = withoutSlash(rest).split('/');
  const file = parts.length > 2 && isSingleFile(kind, rest) ? parts.splice(2).join('/') : undefined;
  const name = (part: string) => /^\w[\w.-]{0,95}$/.test(part) && !part.includes('..');
  if (parts.length > 2 || !parts.every(name) || (file !== undefined && !safePath(file))) {
    throw new HumanError(`this is not the name of ${NOUNS[kind]} on the Hub.`, {
      place: text,
      remedy: EXAMPLES[kind],
    });
  }
  return { repository: parts.join('/'), file };
}

const EXAMPLES: Record<HubKind, string> = {
  model: 'Write owner/name, for example HuggingFaceTB/SmolLM2-135M-Instruct, or owner/name/file.gguf.',
  adapter: 'Write owner/name.',
  dataset: 'Write owner/name, for example PKU-Alignment/BeaverTails, or owner/name/file.parquet.',
};

function checkedEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // the address is not repeated: it may hold a password
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '')
    throw new HumanError('the address of the Hub must be http(s)://host, without a name or password.', {
      place: 'HF_ENDPOINT',
      remedy: 'Correct it, or leave it out for huggingface.co.',
    });
  return withoutSlash(url.href);
}

function checkedRevision(text: string): string {
  if (/^[\w./+-]{1,200}$/.test(text) && !text.split('/').includes('..')) return text;
  throw new HumanError('this is not a valid revision.', {
    place: JSON.stringify(text),
    remedy: 'Name a branch, a tag or a commit.',
  });
}

function checkedToken(text: string | undefined): string | undefined {
  const token = text?.trim();
  if (token === undefined || token === '') return undefined;
  // checked here: a later error message would repeat it
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new HumanError('the access token has characters that no token has.', {
    place: 'HF_TOKEN',
    remedy: 'Copy it again.',
  });
}
