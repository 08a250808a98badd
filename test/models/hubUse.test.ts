/** What fails on the Hub is to be done again as it was asked for: a publication is no download. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HubAddress } from '../../runtime/models/hub/address.js';
import { connectionError } from '../../runtime/models/hub/connectionErrors.js';
import { Interrupted, responseError, storageError, type HubUse } from '../../runtime/models/hub/responseErrors.js';
import type { HumanError } from '../../runtime/support/errors.js';

const address: HubAddress = { kind: 'adapter', endpoint: 'https://hub', repository: 'me/mine', revision: 'main' };
const remedies = (use: HubUse): string[] => {
  const asked = { host: 'hub', place: 'me/mine', use, isReached: true };
  const failed = (code: string): Error => Object.assign(new Error(code), { code });
  const errors: (HumanError | Interrupted)[] = [
    connectionError(failed('ENOTFOUND'), { ...asked, silent: false }),
    connectionError(failed('ECONNRESET'), { ...asked, silent: false }),
    responseError(new Response(null, { status: 503 }), 'hub', address, use),
    storageError(new Response(null, { status: 503 }), 'cdn', use),
  ];
  return errors.map((error) => (error instanceof Interrupted ? error.final : error).remedy!);
};

test('a download is to be downloaded again, a publication to be published', () => {
  for (const remedy of remedies('download')) assert.match(remedy, /Download again.*: it resumes where it stopped\.$/);
  for (const remedy of remedies('publish')) assert.match(remedy, /Publish again.*: what was sent is not sent twice\.$/);
});
