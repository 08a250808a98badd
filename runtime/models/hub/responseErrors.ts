import { HumanError } from '../../support/errors.js';
import { pageOf } from './address.js';
import type { HubAddress } from './address.js';
import { NOUNS } from './files.js';

/** An error that another attempt may resolve; `final` is reported when none did. */
export class Interrupted extends Error {
  constructor(
    readonly final: HumanError,
    readonly waitMs = 0,
  ) {
    super(final.message);
  }
}

/** What the Hub is asked for. */
export type HubUse = 'download' | 'publish';
const AGAIN = {
  download: ['Download again', 'it resumes where it stopped'],
  publish: ['Publish again', 'what was sent is not sent twice'],
} as const satisfies Record<HubUse, unknown>;
export const again = (use: HubUse, when = ''): string => `${AGAIN[use][0]}${when}: ${AGAIN[use][1]}.`;

/** Signed addresses of the storage expire; the next attempt gets a new one from the Hub. */
export function storageError(response: Response, host: string, use: HubUse): Interrupted {
  const final = new HumanError(`the Hub's storage ${host} answers with status ${response.status}.`, {
    remedy: again(use, ' later'),
    kind: 'failed',
  });
  return new Interrupted(final, retryAfterMs(response));
}

function retryAfterMs(response: Response): number {
  const seconds = Number(response.headers.get('retry-after'));
  return Number.isFinite(seconds) && seconds > 0 ? 1000 * seconds : 0;
}

/** What the Hub's error answers mean, from the status and its X-Error-Code. */
export function responseError(
  response: Response,
  host: string,
  address: HubAddress,
  use: HubUse,
): HumanError | Interrupted {
  const { status, headers } = response;
  const { kind, repository: place, revision, token } = address;
  const what = NOUNS[kind].replace(/^an? /, '');
  const page = pageOf(address);
  const code = headers.get('x-error-code');
  const giveToken =
    'Give an access token of an account that may read it: with "Set the Hugging Face Token…" in VS Code, in HF_TOKEN on the command line.';
  if (status >= 500 || status === 429 || status === 408) {
    const final = new HumanError(
      status === 429 ? `${host} has had too many requests (429).` : `${host} answers with an error (${status}).`,
      { place, remedy: again(use, ' later'), kind: 'failed' },
    );
    return new Interrupted(final, retryAfterMs(response));
  }
  if (code === 'GatedRepo') {
    const accept = `Accept its terms on ${page} while logged in`;
    return new HumanError(`the ${what} is gated: its owner gives access to people who accept its terms.`, {
      place,
      code: 'token',
      remedy:
        token === undefined
          ? `${accept}. ${giveToken}`
          : `${accept}, with the account of the token; a fine-grained token also needs the right to read gated repositories.`,
    });
  }
  if (code === 'RevisionNotFound')
    return new HumanError(`there is no revision "${revision}".`, {
      place,
      remedy: `Name a branch, a tag or a commit; ${page} lists them.`,
    });
  if (status === 401 && token !== undefined && code !== 'RepoNotFound')
    return new HumanError('the Hub does not accept the access token (401).', {
      place,
      remedy: 'Make a new token in the account settings of the Hub; it may have expired.',
      code: 'token',
    });
  if (status === 403)
    return new HumanError(
      token === undefined ? 'access needs a token (403).' : 'the access token is not allowed to read it (403).',
      { place, remedy: giveToken, code: 'token' },
    );
  if (status === 401 || status === 404)
    return new HumanError(
      token === undefined
        ? `there is no such public ${what} on ${host}; it may be private (${status}).`
        : `there is no such ${what} on ${host}, or the token has no access to it (${status}).`,
      { place, remedy: `Check the name (owner/name). If it is private: ${giveToken}`, code: 'token' },
    );
  return new HumanError(`${host} answers with status ${status}.`, {
    place,
    remedy: 'Check the name, the revision and HF_ENDPOINT.',
    kind: 'failed',
  });
}
