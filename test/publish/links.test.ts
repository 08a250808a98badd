/**
 * What is published lies in the folder that was named: a link in one that somebody else has made may lead to anything.
 */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { ROLE_FILE } from '../../runtime/adapters/files.js';
import type { PublishPlan } from '../../runtime/contract/exports.js';
import { planPublish } from '../../runtime/publish/publish.js';
import { adapterOf } from '../export/support.js';
import { refused, root, TOKEN, useHub } from '../support/hubDownloads.js';

const { hub, newFolder } = await useHub();
const reporter = { signal: new AbortController().signal, onLog: () => undefined };
const plan = (folder: string, prompts?: boolean): Promise<PublishPlan> =>
  planPublish({ folder, repository: 'someone/made', token: TOKEN, endpoint: hub.url, prompts }, reporter);

/** Refused, with each of these files elsewhere and a link in its place. */
async function requireInside(folder: string, names: readonly string[], prompts?: boolean): Promise<void> {
  const elsewhere = newFolder();
  await mkdir(elsewhere);
  for (const name of names) {
    const [place, away] = [join(folder, name), join(elsewhere, name)];
    await rename(place, away).catch(() => writeFile(away, 'mine'));
    await symlink(away, place);
    const message = new RegExp(`"${name}" is a link that leads out of its folder`);
    await refused(plan(folder, prompts), message, /Put the file itself there/);
    await rm(place);
    await rename(away, place);
  }
}

test('nothing that lies outside of a model’s folder is sent, whatever link leads there', async () => {
  const folder = newFolder();
  await cp(join(root, 'media/sample/tiny-assistant'), folder, { recursive: true });
  const file = join(folder, 'tokenizer_config.json');
  // It is sent as a text, without this.
  await writeFile(file, (await readFile(file, 'utf8')).replace('{', '{ "cache_dir": "/home/alice",'));
  const texts = ['LICENSE', 'NOTICE.txt', 'vocab.txt', 'merges.txt', 'tokenizer.model'];
  await requireInside(folder, [...texts, 'config.json', 'tokenizer_config.json', 'model.safetensors']);
  assert.ok((await plan(folder)).files.some(({ path }) => path === 'LICENSE'));
});

test('nothing that lies outside of an adapter’s folder, or its run, is sent, whatever link leads there', async () => {
  const folder = newFolder();
  await cp(adapterOf('llama', 'security'), folder, { recursive: true });
  await writeFile(join(folder, ROLE_FILE), JSON.stringify({ role: 'security', made: { from: [] } }));
  const beside = ['calibration.json', 'trained.json', 'prompts.jsonl'];
  for (const name of beside) await writeFile(join(folder, name), '');
  await requireInside(folder, ['LICENCE', 'NOTICE', ROLE_FILE, 'adapter_model.safetensors', ...beside], true);
  const run = newFolder();
  await mkdir(run);
  await rename(folder, join(run, 'adapter'));
  await plan(run);
  await requireInside(run, ['adapter']);
});

test('the folder may be a link, and its files links within it, or to what the cache of the Hub keeps by its hash', async () => {
  const [folder, home] = [newFolder(), newFolder()];
  const blobs = join(home, 'models--someone--tiny/blobs');
  const snapshot = join(dirname(blobs), 'snapshots/main');
  const blob = join(blobs, 'a'.repeat(64));
  await mkdir(blobs, { recursive: true });
  await cp(join(root, 'media/sample/tiny-assistant'), snapshot, { recursive: true });
  await rename(join(snapshot, 'tokenizer.json'), blob);
  await symlink(`../../blobs/${basename(blob)}`, join(snapshot, 'tokenizer.json'));
  await writeFile(join(snapshot, 'NOTICE'), 'theirs');
  await symlink('NOTICE', join(snapshot, 'LICENSE'));
  await symlink(snapshot, folder);
  const { files } = await plan(folder);
  for (const name of ['tokenizer.json', 'NOTICE', 'LICENSE'])
    assert.ok(
      files.some(({ path }) => path === name),
      name,
    );
  // What only looks like it is none.
  await rename(blob, join(home, 'mine'));
  await symlink(join(home, 'mine'), blob);
  await refused(plan(folder), /"tokenizer\.json" is a link/, /Put the file/);
});
