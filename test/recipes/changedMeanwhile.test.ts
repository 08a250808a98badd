/** What a run reads is what it names as its dependencies, also where somebody saves a file as it begins. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openScratch } from '../../runtime/data/scratch.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { ChangedInputs } from '../../runtime/recipes/training/dependencies.js';
import { loadSource, type Job } from '../../runtime/recipes/training/job.js';
import type { FinetuneRecipe } from '../../runtime/contract/recipe.js';
import { sha256 } from '../../runtime/support/files.js';

test('rows that were changed since the run was compared with its checkpoint are not trained on', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'changed-'));
  const scratch = openScratch(folder);
  t.after(async () => {
    scratch.close();
    await rm(folder, { recursive: true });
  });
  const file = join(folder, 'train.jsonl');
  const rows = '{"prompt":"Hi","completion":"Hello"}\n';
  await writeFile(file, rows);
  const tokenizer = await loadTokenizer(join(import.meta.dirname, '../fixtures/smollm2'));
  const job = {
    context: { tokenizer, spec: { contextLength: 64 }, scratch },
    dependencies: { 'data.file': sha256(rows) },
    path: (name: string) => name,
    signal: new AbortController().signal,
    progress: () => undefined,
    emit: async () => undefined,
  } as unknown as Job<FinetuneRecipe>;
  const source = { file, format: 'auto' } as const;
  assert.equal((await loadSource(job, source, 'data')).examples.length, 1);
  await writeFile(file, rows.repeat(2));
  await assert.rejects(loadSource(job, source, 'data'), (error) => {
    assert.ok(error instanceof ChangedInputs);
    assert.deepEqual([error.message, error.place], ['train.jsonl was changed while the run began.', file]);
    return true;
  });
});
