/**
 * Labels of a set where single rows of it are tested: it is followed, save where its rows' own page says something
 * else.
 */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { labelsFile, labelsText, parseLabels, type Label } from '../../runtime/contract/labels.js';
import { HostError } from '../../extension/host/errors.js';
import { bringLabels } from '../../extension/testing/rowLabels.js';
import { temporary, write } from './support.js';

const [FIRST, SECOND, THIRD] = ['a', 'b', 'c'].map((letter) => letter.repeat(16)) as [string, string, string];

/** A set, and the file of some of its rows. @returns `tested` brings the labels, and says which count then */
async function files(t: TestContext) {
  const folder = await temporary(t);
  const [set, rows] = ['set.jsonl', 'rows.jsonl'].map((name) => join(folder, name)) as [string, string];
  const say = (file: string, labels: Record<string, Label>): Promise<string> =>
    write(labelsFile(file), labelsText(new Map(Object.entries(labels))));
  const tested = async (): Promise<Record<string, Label>> => {
    await bringLabels(set, rows);
    const read = parseLabels(await readFile(labelsFile(rows), 'utf8'));
    return 'fault' in read ? assert.fail('no labels') : Object.fromEntries(read.labels);
  };
  return { set, rows, say, tested };
}

test('a label of the page of such a test counts against one that the set has', async (t) => {
  const { set, rows, say, tested } = await files(t);
  await say(set, { [FIRST]: 'refused', [SECOND]: 'complied' });
  await say(rows, { [FIRST]: 'complied', [THIRD]: 'neither' });
  const both = { [FIRST]: 'complied', [SECOND]: 'complied', [THIRD]: 'neither' };
  assert.deepEqual(await tested(), both);
  await say(set, { [FIRST]: 'refused', [SECOND]: 'neither' });
  assert.deepEqual(
    await tested(),
    { ...both, [SECOND]: 'neither' },
    'also where another answer got one of the set since',
  );
});

test('what was brought of a set follows it, also where the page of a test has labelled another answer since', async (t) => {
  const { set, rows, say, tested } = await files(t);
  await say(set, { [FIRST]: 'complied', [SECOND]: 'refused' });
  assert.deepEqual(await tested(), { [FIRST]: 'complied', [SECOND]: 'refused' });
  await say(set, { [FIRST]: 'refused' });
  await say(rows, { [FIRST]: 'complied', [SECOND]: 'refused', [THIRD]: 'neither' });
  assert.deepEqual(await tested(), { [FIRST]: 'refused', [THIRD]: 'neither' }, 'changed, and taken back');
});

test('a label that the page of such a test has taken back stays away', async (t) => {
  const { set, rows, say, tested } = await files(t);
  await say(set, { [FIRST]: 'complied' });
  await tested();
  await say(rows, {});
  assert.deepEqual([await tested(), await tested()], [{}, {}]);
});

test('a file that is none of labels is told, and not written over; none is made where nobody has said anything', async (t) => {
  const { set, rows, say } = await files(t);
  await bringLabels(set, rows);
  assert.ok(!existsSync(labelsFile(rows)));
  for (const [broken, whole] of [[rows, set], [set, rows]] as const) {
    await say(whole, { [FIRST]: 'refused' });
    await write(labelsFile(broken), '{"half": ');
    await assert.rejects(
      bringLabels(set, rows),
      (error) => error instanceof HostError && error.data.place === labelsFile(broken),
    );
    assert.equal(await readFile(labelsFile(broken), 'utf8'), '{"half": ');
  }
}); // oxfmt-ignore
