/** A vector whose run did not reach its end protects nothing and scans nothing: it lacks what is written last. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { runValue } from '../support/recipeRun.js';
import { silent } from '../support/silent.js';

let root: string;
const at = (...parts: string[]): string => join(root, ...parts);
const short = { model: 'tiny-assistant', steps: 1, batch: { rows: 4, maxTokens: 64 } };
const vector = { ...short, kind: 'vector', harmful: { file: 'data/harmful.jsonl', limit: 8 }, output: 'vector' };
const guarded = (adapter: string, protection: boolean): object => ({
  ...{ ...short, kind: 'finetune', data: { file: 'data/train.jsonl', limit: 8 }, output: 'guarded' },
  ...{ vectors: [{ adapter }], protection },
});
const scan = (adapter: string) =>
  calls.scan(
    {
      ...{ model: at('tiny-assistant'), vector: at(adapter), data: at('data/train.jsonl') },
      ...{ format: 'auto', device: 'cpu' },
    },
    silent,
  );

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'unfinished-vector-'));
  await cp(join(import.meta.dirname, '../../media/sample'), root, { recursive: true });
  const { done } = await runValue(root, vector, 'vector', { stopAt: 'saving' });
  assert.equal(done.outcome, 'stopped');
});
after(() => rm(root, { recursive: true, force: true }));

const outcome = async (to: string): Promise<void> => {
  const file = at('vector', 'manifest.json');
  const manifest = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...manifest, outcome: to }));
};

test('one that was stopped is refused, wherever it is used, and says how to finish it', async () => {
  for (const adapter of ['vector', 'vector/adapter']) {
    const expected = {
      ...{ name: 'HumanError', place: at('vector') },
      message: 'the run that trains this vector was stopped before its end.',
      remedy: 'Finish it: train RECIPE --resume.',
    };
    await assert.rejects(runValue(root, guarded(adapter, false), 'plain'), expected);
    await assert.rejects(runValue(root, guarded(adapter, true), 'guarded'), expected);
    await assert.rejects(scan(adapter), expected);
  }
});

test('one that failed, or was cut off, is refused, too', async () => {
  await outcome('failed');
  await assert.rejects(scan('vector'), { message: 'the run that trains this vector has failed.' });
  await outcome('running');
  await assert.rejects(scan('vector'), { message: 'the run that trains this vector was cut off before its end.' });
  await outcome('stopped');
});

test('finished, it is used; so is a copy of its adapter alone', async () => {
  await cp(at('vector/adapter'), at('downloaded'), { recursive: true });
  await scan('downloaded');
  await runValue(root, vector, 'vector', { resume: true });
  await scan('vector');
  await runValue(root, guarded('vector', true), 'guarded');
});
