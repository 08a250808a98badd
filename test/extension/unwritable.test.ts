/** What cannot be written is told with the place, the reason and what to do, and is no bug of this program. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { errorData } from '../../extension/host/errors.js';
import { Reviews } from '../../extension/data/reviews.js';
import { WorkAtHand } from '../../extension/host/workAtHand.js';
import { Scans } from '../../extension/data/scans.js';
import { replaceFile, unwritable } from '../../extension/host/state.js';
import { writeLabel } from '../../extension/runs/label.js';
import { keeping } from './fake/memory.js';
import { fake, Uri, workspace } from './fake/vscode.js';
import { temporary, write } from './support.js';
import { scanResult } from '../support/scanResult.js';

const { scan } = await import('../../extension/commands/scan.js');
const { openSample } = await import('../../extension/commands/sample.js');

test('a file below what is no folder is an error for people, and nothing is left beside it', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'run'), 'x');
  const works = [() => replaceFile(join(file, 'a.json'), '{}'), () => writeLabel(file, { tags: [], archived: false })];
  for (const work of works)
    await assert.rejects(work, (error) => {
      const { kind, message, place, remedy } = errorData(error);
      assert.deepEqual([kind, message], ['input', 'the file cannot be written: a folder was expected here.']);
      assert.ok(place!.startsWith(file));
      assert.match(remedy!, /Check the write permission/);
      return true;
    });
  assert.deepEqual(await readdir(root), ['run']);
});

test('the reason is in words, where the system has a code for it', () => {
  const reason = (code: string): string => unwritable('/w/a', Object.assign(new Error('E: x'), { code })).data.message;
  assert.match(reason('EACCES'), /permission denied\.$/);
  assert.match(reason('EROFS'), /the disk is read-only\.$/);
  assert.match(reason('ENOLINK'), /what this link leads to is not there\.$/);
  assert.match(reason('ENOSPC'), /the disk is full\.$/);
  assert.match(reason('EWEIRD'), /E: x\.$/);
  // As VS Code names them.
  assert.match(reason('NoPermissions'), /permission denied\.$/);
});

test('a file that is gone when a command comes to it is no bug either', async (t) => {
  const gone = join(await temporary(t), 'gone.jsonl');
  const error: unknown = await stat(gone).catch((reason: unknown) => reason);
  const { kind, message, place, stack } = errorData(error);
  assert.deepEqual([kind, place, stack], ['input', gone, undefined]);
  assert.equal(message, 'the system refuses it: there is no such file or folder.');
  assert.equal(errorData(Object.assign(new Error('x'), { code: 'ERR_INVALID_ARG_TYPE' })).kind, 'internal');
});

test('the sample in a folder that cannot be written is refused with a way on', async (t) => {
  const folder = join(await temporary(t), 'sample');
  const before = workspace.fs;
  workspace.fs = {
    copy: async () => {
      throw Object.assign(new Error('EACCES: permission denied'), { code: 'NoPermissions' });
    },
  } as never;
  t.after(() => (workspace.fs = before));
  const services = { extension: Uri.file(join(import.meta.dirname, '../..')) };
  await assert.rejects(openSample(services as never, { folder }), (error) => {
    const { kind, message, place } = errorData(error);
    assert.deepEqual([kind, place], ['input', folder]);
    assert.match(message, /permission denied/);
    return true;
  });
  assert.equal(fake.opened.length, 0);
});

test('what a scan finds where nothing can be written is shown, and it is said that it is not kept', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'rows.jsonl'), '{"text":"x"}\n');
  await write(join(root, '.security-vectors'), 'no folder');
  fake.settings = new Map<string, unknown>([['scanFalseAlarms', 0.01], ['device', 'cpu']]); // oxfmt-ignore
  t.after(() => fake.settings.clear());
  const said: string[] = [];
  const scans = new Scans(() => [root]);
  const services = {
    ...{
      scans,
      workAtHand: new WorkAtHand(keeping()),
      reviews: new Reviews(),
      assertTrusted: () => undefined,
      mappings: { get: () => ({ text: 'text' }) },
    },
    engine: { request: async () => ({ ...scanResult(), columns: ['text'] }) },
    ...{ models: { list: () => [{ path: '/m', name: 'm', adapters: [] }] }, recipes: { list: () => [] } },
    notices: {
      info: (message: string) => assert.fail(message),
      warn: (message: string, ...buttons: { title: string }[]) =>
        void said.push(message, ...buttons.map(({ title }) => title)),
    },
  };
  const found = await scan(services as never, { file: data, model: '/m', vector: '/v' });
  assert.equal(scans.get(data), found);
  assert.match(
    said[0]!,
    /^rows\.jsonl: 0 of 1 rows look harmful .* not kept .*cannot be written: a folder was expected here\./,
  );
  assert.deepEqual(said.slice(1), ['Open']);
});
