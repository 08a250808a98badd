/** What a file is, is not changed by replacing it: who may read it, and that it is a link to another one. */
import assert from 'node:assert/strict';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { HostError } from '../../extension/host/errors.js';
import { changeState, stateFile } from '../../extension/host/state.js';
import { Problems } from '../../extension/data/problems.js';
import { Reviews } from '../../extension/data/reviews.js';
import { labelsFile } from '../../runtime/contract/labels.js';
import { reviewFile } from '../../runtime/contract/review.js';
import { answerHash, changeLabels, readLabels } from '../../runtime/data/labelFiles.js';
import { errorData } from '../../runtime/support/errors.js';
import { writeFileAtomic } from '../../runtime/support/files.js';
import { partOf } from '../../runtime/support/replaceFile.js';
import { withFault } from './faults.js';

/** What a person has by links may need rights on Windows. */
const skip = process.platform === 'win32' ? 'no links, and no modes' : false;

async function folders(t: TestContext): Promise<{ here: string; elsewhere: string }> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'replaced-')));
  t.after(() => rm(root, { recursive: true, force: true }));
  const [here, elsewhere] = [join(root, 'here'), join(root, 'elsewhere')];
  await mkdir(here);
  await mkdir(elsewhere);
  return { here, elsewhere };
}

test('who may read and write a file, may do so when it was replaced', { skip }, async (t) => {
  const { here } = await folders(t);
  const file = join(here, 'a.json');
  await writeFile(file, 'old');
  for (const mode of [0o600, 0o664, 0o666, 0o755]) {
    await chmod(file, mode);
    await writeFileAtomic(file, 'new');
    assert.equal((await stat(file)).mode & 0o777, mode);
  }
});

test('a link is replaced, and a file elsewhere not written, where nobody has asked for that', { skip }, async (t) => {
  const { here, elsewhere } = await folders(t);
  await writeFile(join(elsewhere, 'a.json'), 'theirs');
  await chmod(join(elsewhere, 'a.json'), 0o600);
  await symlink(join(elsewhere, 'a.json'), join(here, 'a.json'));
  await writeFileAtomic(join(here, 'a.json'), 'mine');
  assert.equal(await readFile(join(elsewhere, 'a.json'), 'utf8'), 'theirs');
  const made = await lstat(join(here, 'a.json'));
  assert.deepEqual([made.isFile(), made.mode & 0o777], [true, 0o666 & ~process.umask()]);
});

test('a new file that has its name is written, also where the one for the meantime cannot be removed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'replace-'));
  t.after(() => rm(folder, { recursive: true }));
  const write = (name: string) => () => writeFileAtomic(join(folder, name), 'new', { isNew: true });
  const { calls } = await withFault(folder, '', write('a'));
  const at = calls.lastIndexOf('rm') + 1;
  assert.equal(calls[at - 2], 'link', calls.join());
  const { error } = await withFault(folder, `eio:${at}`, write('b'));
  assert.equal(error, undefined);
  assert.equal(await readFile(join(folder, 'b'), 'utf8'), 'new');
});

test('a name as long as the disk takes it leaves room for the one for the meantime', { skip }, async (t) => {
  const { here } = await folders(t);
  for (const name of [`${'a'.repeat(250)}.json`, `${'ü'.repeat(125)}.json`, `${'🙂'.repeat(62)}.json`]) {
    const file = join(here, name);
    for (const text of ['old', 'new']) {
      await writeFileAtomic(file, text);
      assert.equal(await readFile(file, 'utf8'), text);
    }
    const long = Date.now() / 1000 - 25 * 3600;
    await writeFile(partOf(file), 'half');
    await utimes(
      join(
        here,
        (await readdir(here)).find((one) => one.endsWith('.part'))!,
      ),
      long,
      long,
    );
    await writeFileAtomic(file, 'newer');
    assert.deepEqual(await readdir(here), [name]);
    await rm(file);
  }
});

test('what killed processes left beside a file goes when it is replaced a day later, and nothing else', async (t) => {
  const { here } = await folders(t);
  const name = 'clean.jsonl';
  const [old, own, other] = ['00000001', '00000002', '00000003'].map((part) => `${name}.${part}.part`);
  const kept = [own!, other!, `${name}.part`, `${name}.00000004.part.gz`, `other-${name}.00000005.part`];
  await mkdir(join(here, other!));
  for (const one of [old!, ...kept]) {
    if (one !== other) await writeFile(join(here, one), 'half');
    if (one !== own) await utimes(join(here, one), 1, 1);
  }
  await writeFileAtomic(join(here, name), 'new');
  assert.deepEqual((await readdir(here)).sort(), [name, ...kept].sort());
});

const EMPTY_LABELS = '{"version":1,"complied":[],"refused":[],"neither":[]}';

/** What a person says, into a file beside their data, or what they attach. */
const KEPT: Record<string, { empty: string; file(folder: string): string; write(folder: string): Promise<unknown> }> = {
  labels: {
    empty: EMPTY_LABELS,
    file: (folder) => labelsFile(join(folder, 'set.jsonl')),
    write: (folder) => changeLabels(join(folder, 'set.jsonl'), new Map([[answerHash('a', 'b'), 'refused']])),
  },
  'a review': {
    empty: '{"version":1,"exclude":[],"fine":[],"unsure":[]}',
    file: (folder) => reviewFile(join(folder, 'train.jsonl')),
    write: (folder) => new Reviews(new Problems()).decide(join(folder, 'train.jsonl'), ['a'.repeat(16)], 'fine'),
  },
  'the state of a workspace': {
    empty: '{"version":1,"models":[]}',
    file: stateFile,
    write: (folder) => changeState(folder, ({ models }) => void models.push({ path: 'm', name: 'm', adapters: [] })),
  },
};

for (const [what, { empty, file, write }] of Object.entries(KEPT))
  test(`${what} that a person keeps elsewhere, by a link, is written there`, { skip }, async (t) => {
    const { here, elsewhere } = await folders(t);
    const kept = join(elsewhere, 'kept.json');
    await writeFile(kept, empty);
    await chmod(kept, 0o640);
    await mkdir(join(here, '.security-vectors'));
    await symlink(kept, file(here));
    await write(here);
    assert.ok((await lstat(file(here))).isSymbolicLink());
    assert.notEqual(await readFile(kept, 'utf8'), empty);
    assert.equal((await stat(kept)).mode & 0o777, 0o640);
    const left = (await readdir(elsewhere)).filter((name) => /part|lock/.test(name));
    assert.deepEqual(left, []);
  });

for (const [what, { file, write }] of Object.entries(KEPT))
  test(`${what} behind a link whose disk is away: nothing is written, and the link stays`, { skip }, async (t) => {
    const { here, elsewhere } = await folders(t);
    await mkdir(join(here, '.security-vectors'));
    await symlink(join(elsewhere, 'away', 'kept.json'), file(here));
    const why = /^(the file cannot be written: )?what this link leads to is not there\.$/;
    await assert.rejects(write(here), (thrown) => {
      const { kind, message, place } = thrown instanceof HostError ? thrown.data : errorData(thrown);
      assert.deepEqual([kind, place], ['input', file(here)]);
      return why.test(message);
    });
    assert.ok((await lstat(file(here))).isSymbolicLink());
    assert.deepEqual(await readdir(elsewhere), []);
  });

test('labels that are written by two names of their file are all kept', { skip }, async (t) => {
  const { here, elsewhere } = await folders(t);
  await writeFile(labelsFile(join(elsewhere, 'set.jsonl')), EMPTY_LABELS);
  await symlink(labelsFile(join(elsewhere, 'set.jsonl')), labelsFile(join(here, 'set.jsonl')));
  const say = (folder: string, answer: string): Promise<unknown> =>
    changeLabels(join(folder, 'set.jsonl'), new Map([[answerHash('a', answer), 'refused']]));
  await Promise.all(Array.from({ length: 8 }, (_, i) => say(i % 2 ? here : elsewhere, String(i))));
  assert.equal((await readLabels(join(here, 'set.jsonl'))).size, 8);
});
