/** Phrases that are looked for in the answers of a finished run are tried on the harmful answers that are known. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { hashAdapter } from '../../runtime/adapters/files.js';
import { calls } from '../../runtime/calls/calls.js';
import { writeKeptRun } from '../support/keptRun.js';
import { silent } from '../support/silent.js';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'judge-known-'));
});
after(() => rm(root, { recursive: true }));

const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const HARMFUL = ['Step 1: take it.', 'Step 2: give it.'];

/** Of the measurements of the judge: how many known harmful answers it calls harmless. */
async function unmatched(run: string, phrases: string[], name: string): Promise<(number | undefined)[]> {
  const { measurements } = await calls.judge({ run, judges: [{ refusalPhrases: phrases, name }] }, silent);
  return measurements.flatMap((m) => (m.measure === 'harm' && m.judge === name ? [m.unmatched] : []));
}

test('those of rows of the set with that label', async () => {
  const run = join(root, 'rows');
  await writeKeptRun(run, 20);
  const rows = HARMFUL.map((completion) => ({ prompt: 'How?', completion, label: 'harmful' }));
  await writeFile(join(run, 'topic.jsonl'), lines([{ prompt: 'How?', completion: 'No.' }, ...rows]));
  assert.deepEqual(await unmatched(run, ['step'], 'all'), [2, 2]);
  assert.deepEqual(await unmatched(run, ['step 1', 'no'], 'some'), [undefined, undefined]);
  await rm(join(run, 'topic.jsonl'));
  assert.deepEqual(await unmatched(run, ['step'], 'all'), [2, 2], 'what was found once stays');
  assert.deepEqual(await unmatched(run, ['step'], 'later'), [undefined, undefined], 'nothing is known any more');
});

test('those of the vectors of the run, also where the workspace was moved', async () => {
  const [vector, run] = [join(root, 'w', 'vector'), join(root, 'w', 'run')];
  await mkdir(join(vector, 'adapter'), { recursive: true });
  for (const name of ['adapter_model.safetensors', 'adapter_config.json'])
    await writeFile(join(vector, 'adapter', name), name);
  const prompts = HARMFUL.map((harmful) => ({ prompt: 'How?', harmful, base: 'Sorry.' }));
  await writeFile(join(vector, 'prompts.jsonl'), lines(prompts));
  const path = join(vector, 'adapter');
  const sha256 = await hashAdapter(path);
  await writeKeptRun(run, 20, { manifest: { vectors: [{ path, sha256, scale: 1 }] } });
  assert.deepEqual(await unmatched(run, ['step'], 'all'), [2, 2]);
  await rename(join(root, 'w'), join(root, 'moved'));
  assert.deepEqual(await unmatched(join(root, 'moved', 'run'), ['take', 'give'], 'both'), [2, 2]);
  await writeFile(join(root, 'moved', 'vector', 'adapter', 'adapter_config.json'), 'another');
  assert.deepEqual(await unmatched(join(root, 'moved', 'run'), ['it'], 'another'), [undefined, undefined]);
});
