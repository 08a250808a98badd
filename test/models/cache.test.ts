/** The cache of converted models: one per user, safe for several processes, cleared of what nobody uses. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync } from 'node:fs';
import {
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { clearCache, listCache, useEntry, userCache } from '../../runtime/models/cache/userCache.js';
import { openModel } from '../../runtime/models/folder.js';
import { thisProcess } from '../../runtime/runs/ownerOf.js';
import { HumanError } from '../../runtime/support/errors.js';
import { calls } from '../../runtime/calls/calls.js';
import { silent } from '../support/silent.js';
import type { CacheInfo } from '../../runtime/contract/modelInfo.js';
import { cli, ROOT } from '../calls/support.js';
import { watch, withFault } from '../support/faults.js';
import { program } from '../support/program.js';

const GGUF = join(ROOT, 'test/fixtures/gguf/families/llama.gguf');
const entriesOf = async (cache: string): Promise<string[]> =>
  (await readdir(cache)).filter((name) => name.startsWith('gguf-'));

let dir: string;
before(async () => void (dir = await mkdtemp(join(tmpdir(), 'cache-'))));
after(() => rm(dir, { recursive: true }));

test('it lies where each system keeps caches', () => {
  const home = homedir();
  assert.equal(userCache({}, 'linux'), join(home, '.cache/security-vectors'));
  assert.equal(userCache({ XDG_CACHE_HOME: '/x' }, 'linux'), '/x/security-vectors');
  assert.equal(userCache({ XDG_CACHE_HOME: 'x' }, 'linux'), join(home, '.cache/security-vectors'));
  assert.equal(userCache({ XDG_CACHE_HOME: '/x' }, 'darwin'), join(home, 'Library/Caches/security-vectors'));
  assert.equal(userCache({ LOCALAPPDATA: '/local' }, 'win32'), join('/local/security-vectors/Cache'));
  assert.equal(userCache({ SECURITY_VECTORS_CACHE: '/own', XDG_CACHE_HOME: '/x' }, 'linux'), '/own');
  assert.throws(() => userCache({ SECURITY_VECTORS_CACHE: 'own' }, 'linux'), /absolute path/);
});

test('where it cannot be written, the error says what it is and how to have it elsewhere', async () => {
  const cache = join(dir, 'closed');
  const { error } = await withFault(dir, 'erofs:1', () => openModel(GGUF, { cache }));
  assert.ok(error instanceof HumanError);
  assert.match(error.message, /^the cache cannot be written/);
  assert.equal(error.place, cache);
  assert.match(error.remedy!, /SECURITY_VECTORS_CACHE/);
});

/** A process that opens the model, says so, and stays until its input ends. */
function opener(cache: string, file = GGUF): { child: ChildProcess; opened: Promise<void> } {
  const { file: opens, execArgv } = program('test/models/opener.ts');
  const child = spawn(process.execPath, [...execArgv, opens, file, cache], { stdio: ['pipe', 'pipe', 'inherit'] });
  return { child, opened: once(child.stdout, 'data').then(([data]) => assert.match(String(data), /^\d+\n/)) };
}

test('three processes at once make one folder, which is not cleared while one of them lives', async () => {
  const cache = join(dir, 'three');
  const processes = [1, 2, 3].map(() => opener(cache));
  await Promise.all(processes.map(({ opened }) => opened));
  assert.equal((await entriesOf(cache)).length, 1, 'no half folder is left either');
  assert.equal((await listCache(cache)).entries[0]!.inUse, true);
  assert.deepEqual((await clearCache(cache)).removed, []);
  const ended = processes.map(({ child }) => once(child, 'exit'));
  // one that ends in order, one that is killed, one that goes on
  processes[0]!.child.stdin!.end();
  processes[1]!.child.kill('SIGKILL');
  await Promise.all(ended.slice(0, 2));
  assert.equal((await clearCache(cache)).left.entries.length, 1);
  processes[2]!.child.kill('SIGKILL');
  await ended[2];
  const { removed, left } = await clearCache(cache);
  assert.equal(removed.length, 1);
  assert.deepEqual(left.entries, []);
  assert.deepEqual(await readdir(cache), []);
});

test('a half-written folder is never used, and removed when it is old', async () => {
  const cache = join(dir, 'half');
  const opened = await openModel(GGUF, { cache });
  const [entry] = await entriesOf(cache);
  const half = join(cache, `${entry}.0123abcd.part`);
  await mkdir(half);
  await writeFile(join(half, 'model.safetensors'), 'half');
  await rm(join(cache, entry!), { recursive: true });
  const again = await openModel(GGUF, { cache });
  assert.deepEqual([...again.tensors.keys()], [...opened.tensors.keys()]);
  assert.ok(existsSync(half), 'it may be that of a process that is writing');
  await utimes(half, 1, 1);
  await clearCache(cache);
  assert.ok(!existsSync(half));
});

test('half a folder says what it is made of and by whom, is counted, and goes at once where that process is dead', async (t) => {
  const cache = join(dir, 'killed');
  const before = join(dir, 'before');
  const onCall = ({ name, file }: { name: string; file: string }): void => {
    if (name === 'rename' && /gguf-[^/\\.]*$/.test(file)) cpSync(cache, before, { recursive: true });
  };
  const end = watch({ root: cache, onCall });
  t.after(end);
  await openModel(GGUF, { cache });
  end();
  const [half] = (await listCache(before)).entries;
  assert.deepEqual([half?.file, half?.inUse], [GGUF, true]);
  assert.match(half!.folder, /\.part$/);
  assert.ok(half!.bytes > 1000);

  const [entry] = await entriesOf(cache);
  const mark = (await readdir(join(cache, entry!))).find((name) => name.startsWith('use-'))!;
  const killed = async (part: string, started?: string): Promise<string> => {
    const folder = join(cache, `${entry}.${part}.part`);
    await cp(join(cache, entry!), folder, { recursive: true });
    await writeFile(join(folder, mark), JSON.stringify({ ...(await thisProcess()), ...(started && { started }) }));
    return folder;
  };
  const [dead, living] = [await killed('00000001', 'earlier'), await killed('00000002')];
  await rm(join(cache, entry!, mark));
  const { entries, bytes } = await listCache(cache);
  assert.deepEqual(entries.map(({ folder, inUse }) => [folder, inUse]).sort(), [[join(cache, entry!), false], [dead, false], [living, true]]); // oxfmt-ignore
  assert.ok(bytes > 2.9 * half!.bytes);
  assert.deepEqual((await clearCache(cache)).removed.map(({ folder }) => folder).sort(), [join(cache, entry!), dead]);
  assert.deepEqual(await readdir(cache), [basename(living)]);

  // before the next one is made: it may need the space
  await cp(living, dead, { recursive: true });
  await writeFile(join(dead, mark), JSON.stringify({ ...(await thisProcess()), started: 'earlier' }));
  await openModel(GGUF, { cache });
  assert.deepEqual((await entriesOf(cache)).sort(), [entry, basename(living)]);
});

test('a mark that names an id which another process has by now does not count', async () => {
  const cache = join(dir, 'reused');
  const folder = join(cache, `gguf-${'0'.repeat(32)}-3`);
  await mkdir(folder, { recursive: true });
  assert.equal(await useEntry(folder), true);
  const [mark] = await readdir(folder);
  const text = await readFile(join(folder, mark!), 'utf8');
  assert.equal((await listCache(cache)).entries[0]!.inUse, true);
  await writeFile(join(folder, mark!), text.replace(/"started":"[^"]*"/, '"started":"earlier"'));
  assert.equal((await listCache(cache)).entries[0]!.inUse, false);
  assert.equal(await useEntry(join(cache, 'gone')), false);
});

test('a mark of a process that cannot be asked, as of a container with the name of this host, counts for a day', async () => {
  const cache = join(dir, 'unasked');
  const folder = join(cache, `gguf-${'0'.repeat(32)}-4`);
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'use-one.json');
  const own = await thisProcess();
  for (const mark of [
    { ...own, pid: 2 ** 30, system: 'of a container' },
    { ...own, started: '' },
  ]) {
    await writeFile(file, JSON.stringify(mark));
    assert.deepEqual((await clearCache(cache)).removed, []);
    const before = Date.now() / 1000 - 25 * 3600;
    await utimes(file, before, before);
    assert.equal((await listCache(cache)).entries[0]!.inUse, false);
  }
});

test('tensors that are the same in both are mapped where they are, also through links', async () => {
  const file = join(dir, 'linked', 'a.gguf');
  await mkdir(join(dir, 'linked'));
  await copyFile(GGUF, join(dir, 'real.gguf'));
  await symlink(join(dir, 'real.gguf'), file);
  await mkdir(join(dir, 'deep/er'), { recursive: true });
  await symlink(join(dir, 'deep/er'), join(dir, 'link'));
  const model = await openModel(file, { cache: join(dir, 'link/cache') });
  const places = new Set([...model.tensors.values()].map((tensor) => tensor.file));
  assert.deepEqual([...places].sort(), [join(model.folder, 'model.safetensors'), join(dir, 'real.gguf')].sort());
  const mapped = [...model.tensors.values()].filter((tensor) => tensor.file.endsWith('.gguf'));
  const copied = [...model.tensors.keys()].filter((name) => !mapped.some((tensor) => tensor.name === name));
  assert.ok(mapped.length > copied.length, `${mapped.length} and ${copied.length}`);
  assert.ok(
    copied.every((name) => /[qk]_proj/.test(name)),
    copied.join(),
  );
});

test('a model of which most lies in the GGUF file, or behind a link, answers as the folder does', async () => {
  const cache = join(dir, 'answers');
  process.env.SECURITY_VECTORS_CACHE = cache;
  try {
    const gguf = join(dir, 'sample.gguf');
    const sample = join(ROOT, 'media/sample/tiny-assistant');
    await calls.export({ model: sample, adapters: [], format: 'gguf', out: gguf, quantization: 'F32' }, silent);
    const ask = (model: string): Promise<{ ids: number[] }> =>
      calls.generate(
        { model, adapters: [], prompt: 'hello', options: { maxNewTokens: 8, temperature: 0, topP: 1 }, device: 'cpu' },
        silent,
      );
    const { ids } = await ask(sample);
    assert.deepEqual((await ask(gguf)).ids, ids);
    // as in a Hub cache: a folder of links to files elsewhere
    await cp(sample, join(dir, 'hub/snapshot'), { recursive: true });
    await rename(join(dir, 'hub/snapshot/model.safetensors'), join(dir, 'hub/blob'));
    await symlink('../blob', join(dir, 'hub/snapshot/model.safetensors'));
    assert.deepEqual((await ask(join(dir, 'hub/snapshot'))).ids, ids);
    assert.ok((await entriesOf(cache)).length >= 1);
    assert.ok(!existsSync(join(dir, '.security-vectors')), 'nothing is left beside the model');
  } finally {
    delete process.env.SECURITY_VECTORS_CACHE;
  }
});

test('security-vectors cache shows the size and clears', async () => {
  const cache = join(dir, 'command');
  const env = { ...process.env, SECURITY_VECTORS_CACHE: cache };
  const empty = await cli(['cache'], { env });
  assert.equal(empty.stdout, `0 MB in ${cache}\n`);
  const { child, opened } = opener(cache);
  await opened;
  child.kill('SIGKILL');
  await once(child, 'exit');
  const shown = await cli(['cache'], { env });
  assert.match(shown.stdout, /^llama\.gguf +0\.\d MB +last used \d{4}-\d\d-\d\d\n0\.\d MB in /);
  const cleared = await cli(['cache', '--clear', '--json'], { env });
  const { removed, entries, bytes } = JSON.parse(cleared.stdout) as CacheInfo & { removed: { file: string }[] };
  assert.deepEqual([removed.map(({ file }) => file), entries, bytes], [[GGUF], [], 0]);
  assert.deepEqual(await readdir(cache), []);
});
