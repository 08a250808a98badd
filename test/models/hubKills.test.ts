/**
 * A download that is killed, or whose disk fails, at each of its file-system calls. HUB_KILLS=all takes every call;
 * else all that give names, and some of the others.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readAdapter } from '../../runtime/adapters/files.js';
import { openModel } from '../../runtime/models/folder.js';
import { HumanError } from '../../runtime/support/errors.js';
import { withFault } from '../support/faults.js';
import { REFERENCES } from '../support/reference.js';
import { treeOf } from '../support/tree.js';
import { NAME, useHub } from '../support/hubDownloads.js';

const tests = await useHub();
const all = process.env.HUB_KILLS === 'all';
const some = (calls: readonly string[], every: number): number[] =>
  calls.flatMap((call, i) => (all || i % every === 0 || call === 'rename' ? [i + 1] : []));

const text = (length: number, seed: string): Buffer => Buffer.from(seed.repeat(length));
const OLD = {
  'config.json': text(1, 'old config'),
  'tokenizer.json': text(3, 'old tokenizer'),
  'model.safetensors': text(5000, 'old weights'),
  LICENSE: text(1, 'MIT'),
};
const NEW = {
  'config.json': text(1, 'new config'),
  'model.safetensors': text(5000, 'new weights'),
  'vocab.json': text(1, 'new vocabulary'),
  LICENSE: text(1, 'MIT'),
};

/** What the folder is before, and what is downloaded into it. */
const scenarios: Record<string, { before?: Record<string, Buffer>; edit?: boolean; files: Record<string, Buffer> }> = {
  'a first download': { files: NEW },
  'an update': { before: OLD, files: NEW },
  'a replaced edit': { before: NEW, edit: true, files: NEW },
};

/** A process that is dead has another id than this one. */
function bury(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !entry.name.startsWith('owner')) continue;
    writeFileSync(file, readFileSync(file, 'utf8').replace(`"pid":${process.pid},`, '"pid":999999999,'));
  }
}

for (const [name, { before, edit = false, files }] of Object.entries(scenarios)) {
  /** The folder before, and what an undisturbed download makes of it. */
  const prepare = async () => {
    const origin = tests.newFolder();
    if (before) {
      tests.hub.repositories[NAME] = { files: before };
      await tests.download({ folder: origin });
      await writeFile(join(origin, 'notes.txt'), 'mine');
      if (edit) await writeFile(join(origin, 'config.json'), 'mine');
    }
    tests.hub.repositories[NAME] = { files };
    const folder = tests.newFolder();
    const reset = async () => {
      rmSync(folder, { recursive: true, force: true });
      if (before) await cp(origin, folder, { recursive: true });
    };
    const download = () => tests.download({ folder, force: edit });
    await reset();
    const { calls, error } = await withFault(folder, '', download);
    assert.equal(error, undefined);
    return { folder, reset, download, calls, result: treeOf(folder), original: before ? treeOf(origin) : {} };
  };
  const changing = Object.keys({ ...before, ...files }).filter(
    (file) => !(before?.[file] && files[file] && before[file].equals(files[file])),
  );

  test(`${name}, killed at any file-system call, is never mixed and is completed by the next one`, async () => {
    const { folder, reset, download, calls, result, original } = await prepare();
    assert(calls.length > 50, calls.join());
    for (const at of some(calls, 8)) {
      const what = `call ${at} of ${calls.length}: ${calls[at - 1]!}`;
      await reset();
      const { calls: made } = await withFault(folder, `kill:${at}`, download);
      assert(made.length >= at, what);
      const killed = before ? treeOf(folder) : {};
      const olds = changing.filter((file) => killed[file] !== undefined && killed[file] === original[file]);
      const news = changing.filter((file) => killed[file] !== undefined && killed[file] === result[file]);
      assert(olds.length === 0 || news.length === 0 || edit, `${what}: ${olds.join()} with ${news.join()}`);
      if (before) assert.equal(killed['notes.txt'], 'mine');
      if (existsSync(folder)) bury(folder);
      await download();
      assert.deepEqual(treeOf(folder), result, what);
    }
  });

  test(`${name} whose disk fails at any call ends with an error for people; what was whole stays whole`, async () => {
    const { folder, reset, download, calls, result, original } = await prepare();
    for (const at of some(calls, 16))
      for (const kind of ['enospc', 'eio', 'erofs']) {
        const what = `call ${at} of ${calls.length}: ${calls[at - 1]!}, ${kind}`;
        await reset();
        const { value, error } = await withFault(folder, `${kind}:${at}`, download);
        if (error) {
          assert(error instanceof HumanError, `${what}: ${(error as Error).stack}`);
          assert(error.place?.startsWith(folder) && error.remedy, what);
        }
        if (before && kind === 'eio') {
          const now = Object.entries(treeOf(folder)).filter(([path]) => !path.startsWith('.download/') && path !== '.download'); // oxfmt-ignore
          const isNew = value !== undefined || now.some(([path, content]) => content !== original[path]);
          assert.deepEqual(Object.fromEntries(now), isNew ? result : original, what);
        }
        if (existsSync(folder)) bury(folder); // a claim that could not be given up
        await download();
        assert.deepEqual(treeOf(folder), result, what);
      }
  });
}

test('a model, killed while its files come into place, is opened whole or not at all', async () => {
  const folder = tests.newFolder();
  const download = () => tests.download({ folder });
  const { calls } = await withFault(folder, '', download);
  let cut = 0;
  for (const at of calls.flatMap((call, i) => (call === 'rename' ? [i + 2] : []))) {
    rmSync(folder, { recursive: true });
    await withFault(folder, `kill:${at}`, download);
    const opened = await openModel(folder, { cache: '' }).catch((error: unknown) => {
      assert(error instanceof HumanError, String(error));
      if (/download .* was cut off/.test(error.message)) cut++;
    });
    if (opened) assert.deepEqual([opened.hasTokenizer, opened.generationConfig !== undefined], [true, true], `${at}`);
    bury(folder);
    await download();
    await openModel(folder, { cache: '' });
  }
  assert(cut > 3, String(cut));
});

test('an adapter in which a download was cut off is not taken for whole', async () => {
  const folder = tests.newFolder();
  await cp(join(REFERENCES, 'llama/adapters/task'), folder, { recursive: true });
  await readAdapter(folder);
  await mkdir(join(folder, '.download'));
  await writeFile(join(folder, '.download/commit.json'), '{"moves":[]}');
  await assert.rejects(readAdapter(folder), /download .* was cut off/);
});
