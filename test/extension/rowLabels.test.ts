/** Labels of a set where single rows of it are tested: what was said last counts, and nothing that was said is lost. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { labelsFile, labelsText, parseLabels, type Label } from '../../runtime/contract/labels.js';
import { bringLabels } from '../../extension/testing/rowLabels.js';
import { temporary, write } from './support.js';

const [FIRST, SECOND, THIRD] = ['a', 'b', 'c'].map((letter) => letter.repeat(16)) as [string, string, string];

/** A set, and the file of some of its rows. @returns `say` writes labels at a time */
async function files(t: TestContext) {
  const folder = await temporary(t);
  const [set, rows] = ['set.jsonl', 'rows.jsonl'].map((name) => join(folder, name)) as [string, string];
  const say = async (file: string, at: number, labels: Record<string, Label>): Promise<void> => {
    const text = labelsText(new Map(Object.entries(labels)));
    await utimes(await write(labelsFile(file), text), at, at);
  };
  const said = async (): Promise<Record<string, Label>> => {
    const read = parseLabels(await readFile(labelsFile(rows), 'utf8'));
    return 'fault' in read ? assert.fail('no labels') : Object.fromEntries(read.labels);
  };
  return { set, rows, say, said };
}

test('a label of the page of such a test counts against one that the set had before', async (t) => {
  const { set, rows, say, said } = await files(t);
  await say(set, 1000, { [FIRST]: 'refused', [SECOND]: 'complied' });
  await say(rows, 2000, { [FIRST]: 'complied', [THIRD]: 'neither' });
  await bringLabels(set, rows);
  assert.deepEqual(await said(), { [FIRST]: 'complied', [SECOND]: 'complied', [THIRD]: 'neither' });
});

test('a label that the set has got since counts, also where the older one was brought before', async (t) => {
  const { set, rows, say, said } = await files(t);
  await say(set, 1000, { [FIRST]: 'refused' });
  await bringLabels(set, rows);
  assert.deepEqual(await said(), { [FIRST]: 'refused' });
  await utimes(labelsFile(rows), 1500, 1500);
  await say(set, 2000, { [FIRST]: 'complied' });
  await bringLabels(set, rows);
  assert.deepEqual(await said(), { [FIRST]: 'complied' });
});

test('a file that is none of labels is not written over, and none is made where nobody has said anything', async (t) => {
  const { set, rows, say } = await files(t);
  await bringLabels(set, rows);
  assert.ok(!existsSync(labelsFile(rows)));
  await say(set, 1000, { [FIRST]: 'refused' });
  await write(labelsFile(rows), '{"half": ');
  await bringLabels(set, rows);
  assert.equal(await readFile(labelsFile(rows), 'utf8'), '{"half": ');
});
