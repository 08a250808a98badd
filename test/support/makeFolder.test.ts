import assert from 'node:assert/strict';
import fs, { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { makeFolder } from '../../runtime/support/makeFolder.js';

let dir: string;
before(async () => void (dir = await mkdtemp(join(tmpdir(), 'make-folder-'))));
after(() => rm(dir, { recursive: true }));

test('a folder is made with those above it, and the first that was missing is named', async () => {
  assert.equal(await makeFolder(join(dir, 'a/b/c')), join(dir, 'a'));
  assert.equal(await makeFolder(join(dir, 'a/b/c')), undefined);
  assert.equal(await makeFolder(relative(process.cwd(), join(dir, 'a/b/d'))), join(dir, 'a/b/d'));
});

test('what is in the way is named', async () => {
  await writeFile(join(dir, 'file'), '');
  await symlink(join(dir, 'away'), join(dir, 'link'));
  await assert.rejects(makeFolder(join(dir, 'file')), { code: 'EEXIST', path: join(dir, 'file') });
  await assert.rejects(makeFolder(join(dir, 'file/a/b')), { code: 'ENOTDIR', path: join(dir, 'file/a') });
  await assert.rejects(makeFolder(join(dir, 'link')), { code: 'ENOLINK', path: join(dir, 'link') });
  await assert.rejects(makeFolder(join(dir, 'link/a')), { code: 'ENOLINK', path: join(dir, 'link') });
});

test('several make the same folder at once', async () => {
  const made = await Promise.all(Array.from({ length: 8 }, () => makeFolder(join(dir, 'x/y/z'))));
  assert.ok(existsSync(join(dir, 'x/y/z')));
  assert.ok(made.includes(join(dir, 'x')));
});

/** `remove` is gone whenever `folder` is about to be made, so many times. @returns how often it was tried */
function removedBefore(t: TestContext, folder: string, remove: string, times: number): () => number {
  const { mkdir } = fs.promises;
  let tried = 0;
  t.mock.method(fs.promises, 'mkdir', (async (path) => {
    if (String(path) === folder && tried++ < times) await rm(remove, { recursive: true });
    return mkdir(path);
  }) as typeof mkdir);
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  return () => tried;
}

test('a folder above that is removed meanwhile is made again', async (t) => {
  const [above, folder] = [join(dir, 'gone'), join(dir, 'gone/b/c')];
  await makeFolder(above);
  removedBefore(t, folder, above, 1);
  assert.equal(await makeFolder(folder), above);
  assert.ok(existsSync(folder));
});

test('one that is removed again and again is tried twice', async (t) => {
  const folder = join(dir, 'again/b');
  const tried = removedBefore(t, folder, join(dir, 'again'), 9);
  await assert.rejects(makeFolder(folder), { code: 'ENOENT', path: folder });
  assert.equal(tried(), 2);
});

test(
  'where the system makes no folders it says so, and does not try for ever',
  { skip: process.platform !== 'linux' },
  async () => {
    await assert.rejects(makeFolder('/proc/nope/below'), { syscall: 'mkdir', path: '/proc/nope' });
  },
);
