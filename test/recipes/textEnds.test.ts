/** Texts and conversations are trained on as they are written: a fine-tuning says where none of them ends. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { FinetuneRecipe } from '../../runtime/contract/recipe.js';
import { openScratch, type Scratch } from '../../runtime/data/scratch.js';
import { loadTokenizer, type Tokenizer } from '../../runtime/models/text/tokenizer.js';
import { chatTemplate } from '../../runtime/models/text/chatTemplate.js';
import type { Job } from '../../runtime/recipes/training/job.js';
import { loadTrainingData } from '../../runtime/recipes/fineTune/mix.js';

let folder: string;
let scratch: Scratch;
let smollm: Tokenizer;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'text-ends-'));
  scratch = openScratch(folder);
  smollm = await loadTokenizer(join(import.meta.dirname, '../fixtures/smollm2'));
});
after(async () => {
  scratch.close();
  await rm(folder, { recursive: true });
});

async function warnings(rows: readonly object[], tokenizer = smollm): Promise<string[]> {
  const file = join(folder, 'train.jsonl');
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const warned: string[] = [];
  const job = {
    recipe: { data: { file, format: 'auto' }, batch: { maxTokens: 64 } },
    dependencies: {},
    context: { tokenizer, spec: { contextLength: 64 }, scratch },
    path: (name: string) => name,
    signal: new AbortController().signal,
    progress: () => undefined,
    emit: async (event: RunEvent) => void (event.kind === 'warning' && warned.push(event.message)),
  };
  await loadTrainingData(job as unknown as Job<FinetuneRecipe>, () => undefined);
  return warned;
}

test('texts without an end token are warned about once, where the model has one', async () => {
  const [plain, ended] = [{ text: 'The dog runs.' }, { text: 'The dog runs.<|im_end|>\n' }];
  assert.deepEqual(await warnings([plain, plain]), [
    'none of the 2 texts has <|im_end|> in it, with which the model ends: from them it does not learn to end.',
  ]);
  assert.deepEqual(await warnings([plain, ended]), []);
  assert.deepEqual(await warnings([plain], { ...smollm, eosIds: [] }), []);
  assert.deepEqual(await warnings([{ prompt: 'Hi', completion: 'Hello' }]), []);
  assert.deepEqual(await warnings([{ input_ids: [504, 2365] }]), []);
});

test('answers that a chat template ends only where more follows, or never, are warned about, too', async () => {
  const source = `{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content }}{% if not loop.last %}<|im_end|>{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}`;
  const open = { ...smollm, chatTemplate: chatTemplate(source, 'x') };
  const messages = ['user', 'assistant'].map((role) => ({ role, content: `A text of the ${role}.` }));
  assert.deepEqual(await warnings([{ messages }], open), [
    'the chat template writes no end (<|im_end|>) behind the answers of these rows: from them the model does not learn to end.',
  ]);
  assert.deepEqual(await warnings([{ messages }, { messages: [...messages, ...messages] }], open), []);
  assert.deepEqual(await warnings([{ messages }]), []);
});
