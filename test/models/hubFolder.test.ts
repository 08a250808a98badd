/** What a download may do to the folder: nothing to what it did not write, or what was changed since. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cancelled } from '../../runtime/support/errors.js';
import { CLI } from '../calls/support.js';
import { withFault } from '../support/faults.js';
import { treeOf } from '../support/tree.js';
import { NAME, refused, useHub } from '../support/hubDownloads.js';
import { sha256 } from '../support/hubServer.js';

const { dir, hub, model, newFolder, download } = await useHub();

const files = () => hub.repositories[NAME]!.files;
const fileRequests = () => hub.requests.filter(({ url }) => url.includes('/resolve/') || url.includes('/storage/'));
const newConfig = Buffer.from('{"model_type": "llama", "new": true}');
const weightsPart = `model.safetensors.${sha256(model['model.safetensors']!).slice(0, 16)}.part`;
const ways = /another folder \(--out\), move the file away, or replace it \(--force\)/;

/** Cancels when the weights are on their way. */
async function cutOff(folder: string): Promise<void> {
  const abort = new AbortController();
  hub.faults.pieceMs = 20;
  const onProgress = (message: string) => {
    if (message.includes('model.safetensors')) abort.abort();
  };
  await assert.rejects(download({ folder }, { signal: abort.signal, onProgress }), Cancelled);
  hub.reset();
}

test('another commit replaces what changed and removes what is gone; files of the user stay', async () => {
  const folder = newFolder();
  await download({ folder });
  await writeFile(join(folder, 'notes.txt'), 'mine');
  files()['config.json'] = newConfig;
  delete files()['tokenizer.json'];
  hub.reset();
  await download({ folder });
  assert.deepEqual(
    fileRequests().map(({ url }) => url.split('/').at(-1)),
    ['config.json'],
    'the same weights are not brought again',
  );
  assert(!existsSync(join(folder, 'tokenizer.json')));
  assert.equal(await readFile(join(folder, 'notes.txt'), 'utf8'), 'mine');
});

test('a file that was edited after its download is not replaced without force', async () => {
  // of another size, and of the same; one that the new commit changes, one that it does not, one that it has no more
  const edits: Record<string, Buffer> = {
    'config.json': Buffer.from('{"mine": true}'),
    'README.md': Buffer.from('# mine'),
    'tokenizer.json': Buffer.from(`${model['tokenizer.json']!.toString()} `),
  };
  for (const [name, content] of Object.entries(edits))
    for (const isNew of [false, true]) {
      const folder = newFolder();
      hub.repositories[NAME] = { files: { ...model } };
      await download({ folder });
      await writeFile(join(folder, name), content);
      const before = treeOf(folder);
      if (isNew) {
        files()['config.json'] = newConfig;
        delete files()['tokenizer.json'];
      }
      hub.reset();
      const error = await refused(
        download({ folder }),
        /was changed since it was downloaded and would be replaced/,
        ways,
      );
      assert.deepEqual([error.place, error.code, error.kind], [join(folder, name), 'exists', 'input']);
      assert.deepEqual(treeOf(folder), before);
      assert.equal(fileRequests().length, 0, 'nothing was fetched');
      await download({ folder, force: true });
      assert.deepEqual((await readdir(folder)).sort(), ['.download.json', ...Object.keys(files())].sort());
      assert(files()['config.json']!.equals(await readFile(join(folder, 'config.json'))));
    }
});

test('a file that no download wrote is the user’s, unless it is the same', async () => {
  const folder = newFolder();
  await mkdir(folder);
  await writeFile(join(folder, 'config.json'), model['config.json']!);
  await writeFile(join(folder, 'README.md'), 'mine');
  await mkdir(join(folder, 'LICENSE'));
  const before = treeOf(folder);
  const error = await refused(download({ folder }), /a folder has the name of a file/, /Move it away/);
  assert.equal(error.place, join(folder, 'LICENSE'));
  assert.deepEqual(treeOf(folder), before);
  assert.equal(fileRequests().length, 0);
  await refused(download({ folder, force: true }), /a folder has the name of a file/, /Move it away/);
  assert.deepEqual(treeOf(folder), before);
  await rm(join(folder, 'LICENSE'), { recursive: true });
  await rm(join(folder, 'README.md'));
  await download({ folder });
  assert(!fileRequests().some(({ url }) => url.endsWith('/config.json')), 'what is the same is kept');
});

test('a file that is changed while the download runs is not replaced', async () => {
  const folder = newFolder();
  hub.faults.pieceMs = 20;
  let isWritten = false;
  const onProgress = () => {
    if (!isWritten) void writeFile(join(folder, 'config.json'), 'mine');
    isWritten = true;
  };
  const error = await refused(download({ folder }, { onProgress }), /does not come from a download/, ways);
  assert.equal(error.place, join(folder, 'config.json'));
  assert.deepEqual((await readdir(folder)).sort(), ['.download', 'config.json']);
  assert.equal(await readFile(join(folder, 'config.json'), 'utf8'), 'mine');
  hub.reset();
  await rm(join(folder, 'config.json'));
  await download({ folder });
  assert.equal(fileRequests().length, 0, 'what came was kept');
});

test('another model is replaced only with force', async () => {
  const folder = newFolder();
  await download({ folder });
  hub.repositories['other/model'] = { files: { 'config.json': newConfig, 'model.safetensors': Buffer.from('x') } };
  const other = { folder, repository: 'other/model' };
  const error = await refused(download(other), /the folder holds someone\/tiny/, /--out.*--force/);
  assert.equal(error.code, 'exists');
  await download({ ...other, force: true });
  assert.deepEqual((await readdir(folder)).sort(), ['.download.json', 'config.json', 'model.safetensors']);
});

test('GGUF files of earlier commits stay known', async () => {
  const folder = newFolder();
  hub.repositories[NAME] = { files: { 'a.gguf': Buffer.from('a1'), 'b.gguf': Buffer.from('b1') } };
  await download({ folder, repository: `${NAME}/a.gguf` });
  hub.repositories[NAME] = { files: { 'a.gguf': Buffer.from('a2'), 'b.gguf': Buffer.from('b2') } };
  await download({ folder, repository: `${NAME}/b.gguf` });
  await download({ folder, repository: `${NAME}/a.gguf` });
  assert.equal(await readFile(join(folder, 'a.gguf'), 'utf8'), 'a2');
  hub.reset();
  await download({ folder, repository: `${NAME}/b.gguf` });
  assert.equal(hub.requests.length, 1);
});

test('parts of an earlier revision are removed, and no file of the user with them', async () => {
  const folder = newFolder();
  await cutOff(folder);
  assert((await readdir(join(folder, '.download'))).includes(weightsPart));
  const mine = join(folder, `config.json.0123456789abcdef.part`);
  await writeFile(mine, 'mine');
  files()['model.safetensors'] = Buffer.from('new weights');
  hub.faults.statuses.push(
    { at: 'storage', status: 404 },
    { at: 'storage', status: 404 },
    { at: 'storage', status: 404 },
  );
  await refused(download({ folder }), /storage .* answers with status 404/, /resumes/);
  assert(!(await readdir(join(folder, '.download'))).includes(weightsPart));
  await download({ folder });
  assert(!existsSync(join(folder, '.download')));
  assert.equal(await readFile(mine, 'utf8'), 'mine');
});

test('a part that was spoilt is brought again from its start', async () => {
  const folder = newFolder();
  await cutOff(folder);
  const part = join(folder, '.download', weightsPart);
  await writeFile(part, Buffer.alloc((await stat(part)).size));
  await download({ folder });
  assert(model['model.safetensors']!.equals(await readFile(join(folder, 'model.safetensors'))));
});

test('links in the folder lead no byte out of it', async () => {
  const outside = join(dir, 'outside');
  await mkdir(outside);
  await writeFile(join(outside, 'precious'), 'mine');
  const before = treeOf(outside);

  const folder = newFolder();
  await mkdir(folder);
  await symlink(join(outside, 'precious'), join(folder, 'config.json'));
  await refused(download({ folder }), /does not come from a download/, ways);
  await download({ folder, force: true });
  assert(model['config.json']!.equals(await readFile(join(folder, 'config.json'))));
  assert.deepEqual(treeOf(outside), before);

  const staged = newFolder();
  await mkdir(staged);
  await symlink(outside, join(staged, '.download'));
  await refused(download({ folder: staged }), /\.download is in the way/, /Move it away/);
  await rm(join(staged, '.download'));
  await mkdir(join(staged, '.download'));
  await symlink(join(outside, 'precious'), join(staged, '.download', weightsPart));
  await refused(download({ folder: staged }), /cannot be read or written \(ELOOP\)/, /download again/);
  assert.deepEqual(treeOf(outside), before);

  for (const name of ['thesis.txt', 'film.part', 'notes.old', 'film.0123456789abcdef.part']) {
    const foreign = newFolder();
    await mkdir(join(foreign, '.download'), { recursive: true });
    await writeFile(join(foreign, '.download', name), 'mine');
    await refused(download({ folder: foreign, force: true }), new RegExp(`${name} is in the way`), /Move it away/);
    assert.deepEqual(Object.keys(treeOf(foreign)), ['.download', `.download/${name}`]);
  }
});

test('records in the folder name files of a model only', async () => {
  const folder = newFolder();
  await download({ folder });
  const victim = join(dir, 'victim.safetensors');
  await writeFile(victim, 'mine');
  const file = join(folder, '.download.json');
  const good = JSON.parse(await readFile(file, 'utf8')) as { files: Record<string, unknown> };
  for (const name of ['../victim.safetensors', 'notes.txt', '..', victim]) {
    const entry = { size: 4, sha256: sha256(Buffer.from('mine')) };
    await writeFile(file, JSON.stringify({ ...good, files: { ...good.files, [name]: entry } }));
    await refused(download({ folder }), /record of a download is damaged/, /Delete it/);
  }
  await writeFile(file, JSON.stringify(good));
  await mkdir(join(folder, '.download'));
  const moves = [{ name: '../victim.safetensors', part: 'x.part', had: false }];
  await writeFile(join(folder, '.download/commit.json'), JSON.stringify({ moves }));
  await refused(download({ folder }), /interrupted download is damaged/, /NAME\.old/);
  assert.equal(await readFile(victim, 'utf8'), 'mine');
});

test('a disk without room is an error before the download, a full one when it happens', async () => {
  const folder = newFolder();
  await refused(
    download({ folder }, { freeBytes: () => Promise.resolve(100_000) }),
    /needs 0\.2 MB; the disk has 0\.1 MB free/,
    /Free some space/,
  );
  assert(!existsSync(folder), 'a folder that was made for nothing is removed');
  const full = await withFault(folder, 'enospc:31', () => download({ folder }));
  const error = await refused(
    Promise.reject(full.error as Error),
    /the disk is full/,
    /Free some space and download again/,
  );
  assert.equal(error.kind, 'failed');
});

test('a folder that may not be written, is a file, or is removed on the way', async () => {
  const file = newFolder();
  await writeFile(file, 'mine');
  await refused(download({ folder: file }), /this is not a folder/, /another folder/);
  await refused(download({ folder: join(file, 'model') }), /this is not a folder/, /another folder/);

  const removed = newFolder();
  hub.faults.pieceMs = 5;
  let isRemoved = false;
  const onProgress = () => {
    if (!isRemoved && hub.requests.some(({ server }) => server === 'storage'))
      rm(removed, { recursive: true, force: true }).catch(() => undefined); // a piece may come meanwhile
    isRemoved ||= !existsSync(removed);
  };
  await refused(download({ folder: removed }, { onProgress }), /removed or changed during/, /Download again/);
  hub.reset();

  const closed = newFolder();
  await download({ folder: closed });
  files()['config.json'] = newConfig;
  const before = treeOf(closed);
  await chmod(closed, 0o555);
  if (process.getuid?.() !== 0) {
    await refused(download({ folder: closed }), /permission denied/, /Check the write permission/);
    assert.deepEqual(treeOf(closed), before);
  }
  await chmod(closed, 0o755);
});

test('of two downloads into one folder the second is refused, also of another process; one that is killed is gone on with', async () => {
  const folder = newFolder();
  hub.faults.pieceMs = 100;
  const child = spawn(process.execPath, [CLI, 'download', NAME, '--out', folder], {
    env: { ...process.env, HF_ENDPOINT: hub.url },
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  while (!existsSync(join(folder, '.download', weightsPart))) await sleep(20);
  await refused(download({ folder }), /another download into this folder/, /Wait for that download/);
  child.kill('SIGKILL');
  await ended;
  hub.reset();
  hub.faults.pieceMs = 5;
  const both = await Promise.allSettled([download({ folder }), download({ folder })]);
  const reasons = both.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
  assert.deepEqual(
    reasons.map(({ message }) => message),
    ['another download into this folder is running.'],
  );
  assert.deepEqual((await readdir(folder)).sort(), ['.download.json', ...Object.keys(model)].sort());
});
