/** Whoever stops a publication is told that it was stopped only where nothing of it is on the Hub. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { planPublish, publish } from '../../runtime/publish/publish.js';
import { Cancelled } from '../../runtime/support/errors.js';
import { fixture, refused, TOKEN, useHub } from '../support/hubDownloads.js';

const { hub } = await useHub();
beforeEach(() => (hub.writer = TOKEN));

const NAME = 'someone/made';
const names = (): string[] => Object.keys(hub.repositories[NAME]?.files ?? {}).filter((name) => !name.startsWith('.'));

/** Publishes an adapter, and stops that at the first request of which `isMeant` says so. */
async function stoppedAt(isMeant: (at: string, url: string) => boolean): ReturnType<typeof publish> {
  const params = { folder: join(fixture, 'adapters/task'), repository: NAME, token: TOKEN, endpoint: hub.url };
  const abort = new AbortController();
  const reporter = { signal: abort.signal, onProgress: () => undefined, onLog: () => undefined };
  const { sha256 } = await planPublish(params, reporter);
  hub.faults.instead = (at, { url = '' }) => {
    if (isMeant(at, url)) abort.abort();
    return false;
  };
  return publish({ ...params, planned: sha256 }, reporter);
}

const isCommit = (at: string, url: string): boolean => at === 'write' && /\/commit\/main$/.test(url);

test('before the commit is asked for nothing is published', async () => {
  await assert.rejects(
    stoppedAt((at, url) => at === 'write' && url.includes('/preupload/')),
    Cancelled,
  );
  assert.deepEqual(names(), []);
});

test('from then on it cannot be stopped, and is done', async () => {
  const done = await stoppedAt(isCommit);
  assert.equal(done.url, `${hub.url}/${NAME}`);
  assert.ok(names().includes('adapter_model.safetensors'));
});

test('nor while what the Hub then lists is compared with what was sent', async () => {
  let isSent = false;
  const done = await stoppedAt((at, url) => {
    isSent ||= isCommit(at, url);
    return isSent && at === 'tree';
  });
  assert.equal(done.isPublic, false);
});

test('a commit after which the Hub does not answer any more is not called a failure to send', async () => {
  let isSent = false;
  const params = { folder: join(fixture, 'adapters/task'), repository: NAME, token: TOKEN, endpoint: hub.url };
  const reporter = { signal: new AbortController().signal, onProgress: () => undefined, onLog: () => undefined };
  const { sha256 } = await planPublish(params, reporter);
  hub.faults.instead = (at, { url = '' }, response) => {
    isSent ||= isCommit(at, url);
    if (isSent && at === 'tree') response.writeHead(403).end();
    return isSent && at === 'tree';
  };
  await refused(
    publish({ ...params, planned: sha256 }, reporter),
    /^all was sent, and cannot be compared with what the Hub lists: /,
    /Look at its page/,
  );
});
