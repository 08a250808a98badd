/** Counting of a data file: what is shown is what the file holds now, whenever it was written. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readFile, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DataInfo } from '../../runtime/contract/dataInfo.js';
import { COUNTED_BYTES, DataInspector } from '../../extension/data/files.js';
import { HostError, inputError } from '../../extension/host/errors.js';
import { dataFacts } from '../../extension/views/dataFacts.js';
import { dataDescription } from '../../extension/views/labels.js';
import { temporary, write } from './support.js';

for (const known of [false, true])
  test(`a file that is written while it is counted${known ? ' again' : ''} is counted once more`, async (t) => {
    const file = await write(join(await temporary(t), 'train.jsonl'), 'old\n');
    let counting = (): Promise<void> => Promise.resolve();
    let asked = 0;
    const inspector = new DataInspector(async (path) => {
      asked++;
      const text = await readFile(path, 'utf8');
      await counting();
      return { path, format: text.trim() } as DataInfo;
    });
    const next = (): Promise<void> => new Promise((resolve) => inspector.onDidChange(() => resolve()));
    const shown = (): string | undefined => {
      const counted = inspector.get(file);
      return counted && 'info' in counted ? counted.info.format : undefined;
    };
    if (known) {
      const first = next();
      inspector.get(file);
      await first;
      await writeFile(file, 'middle\n');
    }
    let release = (): void => undefined;
    const reached = new Promise<void>((begun) => {
      counting = () =>
        new Promise((resolve) => {
          release = resolve;
          begun();
        });
    });
    const counted = next();
    if (known) inspector.changed(file);
    else inspector.get(file);
    await reached;
    counting = () => Promise.resolve();
    await writeFile(file, 'written meanwhile\n');
    inspector.changed(file);
    inspector.changed(file);
    release();
    await counted;
    for (let i = 0; i < 1500 && shown() !== 'written meanwhile'; i++) await new Promise((done) => setTimeout(done, 10));
    assert.equal(shown(), 'written meanwhile');
    assert.equal(asked, known ? 3 : 2);
    inspector.dispose();
  });

for (const [what, text] of [
  ['of another size', 'longer\n'],
  ['of the same size', 'new\n'],
] as const)
  test(`a file ${what} that has the time of the one before, as one that was copied with its time, is counted again`, async (t) => {
    const file = await write(join(await temporary(t), 'train.jsonl'), 'old\n');
    const at = new Date('2026-01-01');
    await utimes(file, at, at);
    const inspector = new DataInspector(
      async (path) => ({ path, format: (await readFile(path, 'utf8')).trim() }) as DataInfo,
    );
    const next = (): Promise<void> => new Promise((resolve) => inspector.onDidChange(() => resolve()));
    const first = next();
    inspector.get(file);
    await first;
    await writeFile(file, text);
    await utimes(file, at, at);
    const again = next();
    inspector.changed(file);
    await again;
    assert.deepEqual(inspector.get(file), { info: { path: file, format: text.trim() } });
    inspector.dispose();
  });

test('a large file is counted when somebody asks for it, and again when it changes', async (t) => {
  const file = await write(join(await temporary(t), 'train.jsonl'), '');
  await truncate(file, COUNTED_BYTES + 1);
  let asked = 0;
  const inspector = new DataInspector(async (path) => ({ path, rows: ++asked }) as DataInfo);
  t.after(() => inspector.dispose());
  const next = (): Promise<void> => new Promise((resolve) => inspector.onDidChange(() => resolve()));
  const counted = async () => {
    const done = next();
    const known = inspector.get(file);
    if (known) return known;
    await done;
    return inspector.get(file);
  };
  assert.deepEqual(await counted(), { tooLarge: COUNTED_BYTES + 1 });
  assert.deepEqual(
    dataFacts(await counted(), undefined, {}).map(({ id, label }) => [id, label]),
    [['large', 'Count anyway']],
  );
  assert.equal(asked, 0);
  const told = next();
  inspector.countAnyway(file);
  await told;
  assert.deepEqual(dataFacts(inspector.get(file), undefined, {})[0]!.id, 'wait');
  await next();
  assert.deepEqual(inspector.get(file), { info: { path: file, rows: 1 } });
  await new Promise((resolve) => setTimeout(resolve, 20));
  await truncate(file, COUNTED_BYTES + 2);
  const again = next();
  inspector.changed(file);
  await again;
  assert.deepEqual(inspector.get(file), { info: { path: file, rows: 2 } });
});

test('a file that the engine did not come to count is no bad one, and is counted when it is asked for again', async (t) => {
  const file = await write(join(await temporary(t), 'train.jsonl'), 'x\n');
  let answer = (): DataInfo => {
    throw new HostError({ kind: 'failed', message: 'the engine ended (signal SIGKILL): out of memory.' });
  };
  const inspector = new DataInspector(async () => answer());
  t.after(() => inspector.dispose());
  const next = (): Promise<void> => new Promise((resolve) => inspector.onDidChange(() => resolve()));
  const failed = next();
  inspector.get(file);
  await failed;
  const shown = (): unknown[] => {
    const counted = inspector.get(file);
    const facts = dataFacts(counted, undefined, {}).map(({ id, label, description }) => [id, label, description]);
    return [dataDescription(counted, undefined, false), facts[0]];
  };
  const said = 'the engine ended (signal SIGKILL): out of memory.';
  assert.deepEqual(shown(), ['not counted', ['again', 'Count again', said]]);
  answer = () => ({ path: file, rows: 1, refusedRows: 0, format: 'completion' }) as DataInfo;
  const changed = next();
  inspector.changed(file);
  await changed;
  assert.equal(dataDescription(inspector.get(file), undefined, false), '1 row · completion');
  // What was refused for its rows is not read again for nothing.
  answer = () => {
    throw inputError('this line is not JSON.');
  };
  await writeFile(file, 'longer\n');
  const refused = next();
  inspector.changed(file);
  await refused;
  answer = () => assert.fail('asked again');
  inspector.countFailed();
  inspector.changed(file);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(dataDescription(inspector.get(file), undefined, false), 'cannot be read');
});

test('whoever refreshes has those counted that failed', async (t) => {
  const file = await write(join(await temporary(t), 'train.jsonl'), 'x\n');
  let rows = 0;
  const inspector = new DataInspector(async (path) => {
    if (rows++ === 0) throw new HostError({ kind: 'failed', message: 'the engine ended.' });
    return { path, rows } as DataInfo;
  });
  t.after(() => inspector.dispose());
  const next = (): Promise<void> => new Promise((resolve) => inspector.onDidChange(() => resolve()));
  const failed = next();
  inspector.get(file);
  await failed;
  assert.deepEqual(inspector.get(file), { failed: 'the engine ended.' });
  const again = next();
  inspector.countFailed();
  await again;
  assert.deepEqual(inspector.get(file), { info: { path: file, rows: 2 } });
});

test('no small file waits until a large one has been counted, and of the large ones one is counted at a time', async (t) => {
  const root = await temporary(t);
  const [first, second, small] = await Promise.all(
    ['a.jsonl', 'b.jsonl', 'c.jsonl'].map((name) => write(join(root, name), 'x\n')),
  );
  for (const file of [first!, second!]) await truncate(file, COUNTED_BYTES);
  const begun: string[] = [];
  const counting = new Map<string, () => void>();
  const inspector = new DataInspector(async (path) => {
    begun.push(path);
    if (path !== small) await new Promise<void>((release) => counting.set(path, release));
    return { path } as DataInfo;
  });
  t.after(() => inspector.dispose());
  const told: string[] = [];
  const all = new Promise<void>((done) => inspector.onDidChange((file) => told.push(file) === 3 && done()));
  const smallIsCounted = new Promise<void>((done) => inspector.onDidChange((file) => file === small && done()));
  for (const file of [first!, second!, small!]) inspector.get(file);
  await smallIsCounted;
  assert.deepEqual(inspector.get(small!), { info: { path: small } });
  while (counting.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const [one] = [...counting.keys()];
  assert.deepEqual(begun.filter((file) => file !== small), [one]); // oxfmt-ignore
  counting.get(one!)!();
  while (counting.size === 1) await new Promise((resolve) => setTimeout(resolve, 5));
  counting.forEach((release) => release());
  await all;
  assert.deepEqual(told.slice(1).sort(), [first, second]);
});
