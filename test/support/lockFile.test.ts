/** A file that several change at once keeps what each of them wrote. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { changeLabels, readLabels } from '../../runtime/data/labelFiles.js';
import { whileLocked } from '../../runtime/support/lockFile.js';
import { watch } from './faults.js';

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lock-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

const hashOf = (i: number): string => `${i}`.padStart(16, '0');

test('labels that are given at once, by one process and by two, are all there', async (t) => {
  const folder = await folderOf(t);
  const set = join(folder, 'set.jsonl');
  const label = (i: number) => changeLabels(set, new Map([[hashOf(i), 'refused']]));
  const code = `import('./runtime/data/labelFiles.ts').then(async ({ changeLabels }) => {
    for (let i = 20; i < 30; i++) await changeLabels(process.argv[1], new Map([[String(i).padStart(16, '0'), 'complied']]));
  })`;
  const other = promisify(execFile)(process.execPath, ['--import', 'tsx', '-e', code, set]);
  await Promise.all(Array.from({ length: 20 }, (_, i) => label(i)));
  await other;
  assert.deepEqual(
    [...(await readLabels(set)).keys()].sort(),
    Array.from({ length: 30 }, (_, i) => hashOf(i)),
  );
  assert.deepEqual(await readdir(folder), ['set.jsonl.labels.json']);
});

test('a lock that a killed process left is taken over, and one whose change failed is gone', async (t) => {
  const folder = await folderOf(t);
  const file = join(folder, 'a.json');
  await writeFile(`${file}.lock`, '');
  assert.equal(await whileLocked(file, async () => 'done', 50), 'done');
  await assert.rejects(
    whileLocked(file, () => Promise.reject(new Error('no'))),
    /no/,
  );
  assert.deepEqual(await readdir(folder), []);
  const gone = join(folder, 'gone/a.json');
  await assert.rejects(
    whileLocked(gone, async () => 0),
    { code: 'ENOENT', path: gone },
  );
});

test('of two who wait for a lock that was left, the second does not remove that of the first', async (t) => {
  const folder = await folderOf(t);
  const file = join(folder, 'a.json');
  const lock = `${file}.lock`;
  await writeFile(lock, '');
  /** Looks of the second since the first has the lock; at the third the first is done. */
  let looks: number | undefined;
  const end = watch({
    root: folder,
    onCall({ name, file: changed }) {
      if (looks === undefined && changed.startsWith(lock) && ['rm', 'rename'].includes(name)) {
        looks = 0;
        rmSync(lock);
        writeFileSync(lock, 'of the first');
      } else if (looks !== undefined && changed === lock && ['open', 'writeFile'].includes(name) && ++looks === 3)
        rmSync(lock);
    },
  });
  await whileLocked(file, async () => assert.equal(looks, 3), 500);
  end();
  assert.deepEqual(await readdir(folder), []);
});

test('one that another has taken for left is no longer its own to remove', async (t) => {
  const folder = await folderOf(t);
  const file = join(folder, 'a.json');
  await whileLocked(file, () => writeFile(`${file}.lock`, 'of another'));
  assert.deepEqual(await readdir(folder), ['a.json.lock']);
});

test('one whose change takes long is touched, so that nobody takes it for left', async (t) => {
  const folder = await folderOf(t);
  const file = join(folder, 'a.json');
  const isTouched = async (): Promise<boolean> => {
    const { mtimeMs } = await stat(`${file}.lock`);
    for (let look = 0; look < 500; look++) {
      if ((await stat(`${file}.lock`)).mtimeMs !== mtimeMs) return true;
      await sleep(10);
    }
    return false;
  };
  assert.equal(await whileLocked(file, isTouched, 100), true);
});
