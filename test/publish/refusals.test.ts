/** What a Hub that takes no upload is told to be, and what the person is to do. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { planPublish, publish } from '../../runtime/publish/publish.js';
import { cli } from '../calls/support.js';
import { fixture, refused, TOKEN, useHub } from '../support/hubDownloads.js';

const { hub, newFolder } = await useHub();
beforeEach(() => (hub.writer = TOKEN));

const NAME = 'someone/made';
const folder = join(fixture, 'adapters/task');
const reporter = { signal: new AbortController().signal, onProgress: () => undefined, onLog: () => undefined };
async function send(): Promise<unknown> {
  const params = { folder, repository: NAME, token: TOKEN, endpoint: hub.url };
  return publish({ ...params, planned: (await planPublish(params, reporter)).sha256 }, reporter);
}
/** The Hub answers a step of the upload with this. */
const answering = (at: 'write' | 'storage', step: RegExp, status: number, headers: Record<string, string> = {}) => {
  hub.faults.instead = (place, { url = '', method = '' }, response) => {
    const isMeant = place === at && step.test(`${method} ${url}`);
    if (isMeant) response.writeHead(status, { 'content-type': 'application/json', ...headers }).end('{"error":"no"}');
    return isMeant;
  };
};

test('a Hub that has had too many requests, or another commit in between, is to be asked again later', async () => {
  for (const [step, status] of [
    [/create/, 429],
    [/preupload/, 429],
    [/commit/, 412],
    [/commit/, 503],
  ] as const) {
    answering('write', step, status);
    await refused(send(), new RegExp(`refuses: .*\\(${status}\\)`), /^Publish again later/);
  }
  answering('write', /create/, 400);
  await refused(send(), /refuses: .*\(400\)/, /Check the name/);
});

test('a refusal of the storage is no word on the token, and does not repeat the signed address', async () => {
  for (const status of [403, 503]) {
    answering('storage', /^PUT/, status);
    const message = new RegExp(`the Hub's storage [\\w.:]+ answers with status ${status}`);
    const error = await refused(send(), message, /^Publish again later/);
    assert.ok(!/signature/.test(`${error.message} ${error.place} ${error.remedy}`));
  }
});

test('a repository that was renamed is said to be', async () => {
  const renamed = /redirects to another address: the repository may have been renamed/;
  answering('write', /commit/, 307, { location: '/api/models/someone/other/commit/main' });
  await refused(send(), renamed, /the name that it has now/);
});

test('a folder here that has the name of the repository, or of the base, is not in its way', async () => {
  const cwd = newFolder();
  for (const name of [NAME, 'someone/base']) await mkdir(join(cwd, name), { recursive: true });
  const env = { ...process.env, HF_ENDPOINT: hub.url, HF_TOKEN: TOKEN };
  const ran = await cli(['publish', folder, '--to', NAME, '--base', 'someone/base', '--yes'], { env, cwd });
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(String(hub.repositories[NAME]!.files['README.md']), /base_model: someone\/base/);
});
