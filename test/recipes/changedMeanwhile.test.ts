/** What a run reads is what it names as its dependencies, also where somebody saves a file as it begins. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import { openScratch } from '../../runtime/data/scratch.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { ChangedInputs } from '../../runtime/recipes/training/dependencies.js';
import { loadSource, type Job } from '../../runtime/recipes/training/job.js';
import type { FinetuneRecipe } from '../../runtime/contract/recipe.js';
import { sha256 } from '../../runtime/support/files.js';
import { PLAIN, RECIPES, VECTOR, writeWorkspace } from '../kills/workspace.js';
import { silent } from '../support/silent.js';
import { temporary } from '../support/temporary.js';

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

test('a full fine-tuning does not deliver its weights with a tokenizer that was put there while it trained', async (t) => {
  const root = await temporary(t);
  await writeWorkspace(root);
  const file = join(root, 'recipe.json');
  const recipe = { ...PLAIN, method: 'full', steps: 3, evaluateEvery: 2 };
  await writeFile(file, JSON.stringify(recipe));
  const config = join(root, 'model/tokenizer_config.json');
  const text = await readFile(config, 'utf8');
  const onEvent = ({ kind }: RunEvent): void => {
    if (kind === 'step') writeFileSync(config, text.replace(/\}\s*$/, ', "another": true }'));
  };
  const failed = { message: "the model's tokenizer_config.json changed while the run was at work.", kind: 'failed' };
  await assert.rejects(runRecipe(file, { ...silent, onEvent }), failed);
  assert.ok(!existsSync(join(root, 'out/model')));
  await writeFile(config, text);
  await runRecipe(file, { ...silent, resume: true });
  assert.equal(await readFile(join(root, 'out/model/tokenizer_config.json'), 'utf8'), text);
});

test('an evaluation of a model of its own ends where that is replaced meanwhile', async (t) => {
  const root = await temporary(t);
  await writeWorkspace(root);
  await cp(join(root, 'model'), join(root, 'other'), { recursive: true });
  const file = join(root, 'recipe.json');
  const states = [{ name: 'base' }, { name: 'other', model: 'other' }];
  const { model, evaluate, generation } = PLAIN;
  await writeFile(file, JSON.stringify({ kind: 'evaluate', model, states, evaluate, generation, output: 'out' }));
  const weights = join(root, 'other/model.safetensors');
  const bytes = await readFile(weights);
  const onEvent = (event: RunEvent): void => {
    if (event.kind === 'sample' && event.state === 'other') writeFileSync(weights, bytes);
  };
  const changed = { message: /^the model's file was changed while it was in use/, place: weights };
  await assert.rejects(runRecipe(file, { ...silent, onEvent }), changed);
  await runRecipe(file, silent);
});

test('a run whose vector is trained anew while it begins says so, and makes nothing', async (t) => {
  const root = await temporary(t);
  await writeWorkspace(root);
  const file = join(root, 'recipe.json');
  const write = (recipe: object): Promise<void> => writeFile(file, JSON.stringify(recipe));
  for (const output of ['vector', 'other']) {
    await write({ ...VECTOR, output, seed: output.length });
    await runRecipe(file, silent);
  }
  await write(RECIPES['lora, every 2']!);
  for (const name of ['adapter/adapter_model.safetensors', 'prompts.jsonl']) {
    const vector = join(root, 'vector', name);
    const was = await readFile(vector);
    const other = Buffer.concat([await readFile(join(root, 'other', name)), Buffer.from(name === 'prompts.jsonl' ? '\n' : '')]); // oxfmt-ignore
    const onEvent = (event: RunEvent): void => {
      if (event.kind === 'state' && event.message?.startsWith('expected')) writeFileSync(vector, other);
    };
    const message = `the vector vector (${name}) changed while the run began.`;
    await assert.rejects(runRecipe(file, { ...silent, onEvent }), { message });
    assert.ok(!existsSync(join(root, 'out')));
    await writeFile(vector, was);
  }
});
