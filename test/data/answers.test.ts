/** What a row of prompt and answer may have beside them, and rows whose answers say nothing. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { loadData } from '../../runtime/context/context.js';
import type { DataSource } from '../../runtime/contract/recipeData.js';
import { NOT_SUPERVISED } from '../../runtime/data/conversation.js';
import { inspectData } from '../../runtime/data/inspectData.js';
import { openRowIndex, rowText } from '../../runtime/data/rowIndex.js';
import { openScratch, type Scratch } from '../../runtime/data/scratch.js';
import { loadTokenizer, type Tokenizer } from '../../runtime/models/text/tokenizer.js';

const FIXTURES = join(import.meta.dirname, '../fixtures');
let folder: string;
let scratch: Scratch;
let smollm: Tokenizer;
/** A model without a chat template. */
let llama: Tokenizer;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'answers-'));
  scratch = openScratch(folder);
  smollm = await loadTokenizer(join(FIXTURES, 'smollm2'));
  llama = await loadTokenizer(join(FIXTURES, 'tokenizers/llama'));
  llama.eosIds = [2];
});
after(async () => {
  scratch.close();
  await rm(folder, { recursive: true });
});

async function put(rows: readonly object[], name = 'train.jsonl'): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
}
async function load(
  rows: readonly object[],
  source: Partial<DataSource> & { maxTokens?: number } = {},
  tokenizer = smollm,
) {
  const warnings: { message: string; place: string; remedy: string }[] = [];
  const spec = { contextLength: 2048 } as Parameters<typeof loadData>[0]['spec'];
  const warn = (message: string, place: string, remedy: string): void => void warnings.push({ message, place, remedy });
  const loaded = await loadData({ tokenizer, spec, scratch }, await put(rows), source, { warn });
  return { examples: [...loaded.examples], warnings };
}
const refuses = (rows: readonly object[], message: RegExp, line: number, tokenizer = smollm) =>
  assert.rejects(load(rows, {}, tokenizer), (error: Error & { place?: string; remedy?: string }) => {
    assert.match(error.message, message);
    assert.equal(error.place, `${join(folder, 'train.jsonl')}:${line}`);
    return true;
  });

describe('beside a prompt that is a text', () => {
  const asked = '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n';

  test('a system text is the system message, also under another name', async () => {
    const row = { prompt: 'Hi', completion: 'Hello', system: 'Be kind.' };
    const { examples } = await load([row, { ...row, system: '' }]);
    assert.equal(examples[0]!.promptText, `<|im_start|>system\nBe kind.<|im_end|>\n${asked}`);
    assert.deepEqual(examples[0]!.prompt!.map(({ role }) => role), ['system', 'user']); // oxfmt-ignore
    assert.doesNotMatch(examples[1]!.promptText, /Be kind/);
    const orca = { id: 1, system_prompt: 'Be kind.', question: 'Hi', response: 'Hello' };
    const columns = { prompt: 'question', completion: 'response', system: 'system_prompt' };
    assert.equal((await load([orca], { columns })).examples[0]!.promptText, examples[0]!.promptText);
    const index = await openRowIndex(await put([row]), { scratch });
    assert.match(rowText(index, index.rows.at(0)!, 100).prompt, /Be kind\..*Hi/s);
  });

  test('a model without a chat template cannot write it: the row is refused with its place', async () => {
    const rows = [{ prompt: 'Hi', completion: 'Hello' }, { prompt: 'Hi', completion: 'Hello', system: 'Be kind.' }]; // oxfmt-ignore
    await refuses(rows, /^"system" is only written by a chat template/, 2, llama);
    assert.equal((await load([{ ...rows[0], system: '' }], {}, llama)).examples.length, 1);
  });

  test('earlier turns and tools that nothing writes are refused; where there are none the row is read', async () => {
    const plain = { prompt: 'Hi', response: 'Hello' };
    for (const tokenizer of [smollm, llama]) {
      await refuses([plain, { ...plain, history: [['a', 'b']] }], /^the row has "history"/, 2, tokenizer);
      await refuses([{ ...plain, history: '[["a", "b"]]' }], /"history"/, 1, tokenizer);
      await refuses([{ ...plain, tools: [{ type: 'function' }] }], /^entry 1 of "tools"/, 1, tokenizer);
    }
    await refuses([{ ...plain, tools: [{ name: 'f' }] }], /^the row has tools, and .* does not write them/, 1);
    await refuses([{ ...plain, tools: [{ name: 'f' }] }], /^"tools" is only written by a chat template/, 1, llama);
    const none = [{ ...plain, history: [], tools: [] }, { ...plain, history: null, tools: '[]' }, { ...plain, history: '[ ]' }]; // oxfmt-ignore
    assert.equal((await load(none)).examples.length, 3);
    await refuses([{ instruction: 'Hi', output: 'Hello', history: '[["a", "b"]]' }], /"history"/, 1);
  });
});

describe('an answer that says nothing', () => {
  const turns = (...contents: string[]) => ({
    messages: contents.map((content, i) => ({ role: i % 2 ? 'assistant' : 'user', content })),
  });

  test('refuses the row wherever it stands, as it would be learned', async () => {
    await refuses([turns('a', 'b'), turns('a', ' ', 'c', 'd')], /^the answer in message 2 is empty/, 2);
    await refuses([turns('a', 'b', 'c', '\n')], /^the answer is empty/, 1);
    await refuses([{ prompt: turns('a').messages, completion: [{ role: 'assistant', content: '' }] }], /answer is empty/, 1); // oxfmt-ignore
    // Part of the prompt: nothing of it is learned.
    const { examples } = await load([{ prompt: turns('a', '', 'c').messages, completion: [{ role: 'assistant', content: 'd' }] }]); // oxfmt-ignore
    const { ids, labels } = examples[0]!;
    assert.equal(smollm.decode(ids.filter((_, t) => labels[t] !== NOT_SUPERVISED)), 'd<|im_end|>');
  });

  test('is found before a run, with and without a model; so are rows without an answer', async () => {
    const file = await put([turns('a', 'b'), turns('a', ''), turns('a'), turns('a', '', 'c', 'd')]);
    for (const tokenizer of [undefined, smollm]) {
      const info = await inspectData(file, { tokenizer });
      assert.deepEqual(
        info.refused.map(({ line }) => line),
        [2, 4],
      );
      assert.deepEqual([info.refusedRows, info.unanswered], [2, { count: 1, lines: [3] }]);
    }
    const rows = await inspectData(await put([{ prompt: 'a', completion: 'b' }, { prompt: 'c' }]));
    assert.deepEqual(rows.unanswered, { count: 1, lines: [2] });
    const questions = await inspectData(await put([{ prompt: 'a' }, { prompt: 'c' }]));
    assert.deepEqual(questions.unanswered, { count: 2, lines: [1, 2] }, 'a set of prompts');
  });
});

test('what helps with rows that are skipped is said', async () => {
  const row = (words: number) => ({ prompt: 'Hi', completion: 'word '.repeat(words) });
  const remedies = async (rows: readonly object[], maxTokens?: number): Promise<string[]> =>
    (await load(rows, { maxTokens })).warnings.map(({ remedy }) => remedy);
  const raise = 'Raise "batch.maxTokens" (up to 2048), or shorten these rows.';
  assert.deepEqual(await remedies([row(9), row(200)], 100), [raise]);
  assert.deepEqual(await remedies([row(9), row(200), row(4000)], 100), [raise]);
  // No limit helps these, of which one is too long by its characters alone.
  assert.deepEqual(await remedies([row(9), row(4000), row(20_000)], 100), ['Shorten these rows.']);
  assert.deepEqual(await remedies([row(9), row(4000)]), ['Shorten these rows.']);
  const inseparable = { prompt: 'Hi', completion: '\n\nHello' };
  assert.deepEqual(await remedies([row(9), inseparable], 100), ['Fix or remove these rows.']);
});

test('prompts that hold the chat template already are warned about, with their number and the first line', async () => {
  const written = { prompt: '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n', completion: 'Hello' };
  const plain = { prompt: 'Hi', completion: 'Hello' };
  const { warnings } = await load([plain, written, written]);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!.message, /^2 of 3 prompts hold <\|im_start\|> of the chat template/);
  assert.match(warnings[0]!.place, /train\.jsonl:2$/);
  assert.deepEqual((await load([plain])).warnings, []);
  assert.deepEqual(
    (await load([written], {}, llama)).warnings,
    [],
    'where there is no template nothing is written twice',
  );
});

test('texts that hold the first token already get it once more, as in transformers, and are warned about', async () => {
  const [plain, rendered] = [{ text: 'Hi' }, { text: '<s>[INST] Hi [/INST] Hello</s>' }];
  const { examples, warnings } = await load([plain, rendered, rendered], {}, llama);
  assert.deepEqual(examples[1]!.ids.slice(0, 2), [1, 1]);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!.message, /^2 of 3 rows begin with <s>, which the tokenizer puts before them once more/);
  assert.match(warnings[0]!.place, /train\.jsonl:2$/);
  const asked = await load([{ prompt: '<s>[INST] Hi [/INST]', completion: ' Hello' }], {}, llama);
  assert.match(asked.warnings[0]!.message, /^1 of 1 rows begins with <s>/);
  for (const row of [plain, { text: 'a <s>' }, { prompt: 'Hi', completion: ' <s>' }])
    assert.deepEqual((await load([row], {}, llama)).warnings, []);
  assert.deepEqual(
    (await load([{ text: '<|im_start|>user' }])).warnings,
    [],
    'that tokenizer puts nothing before a text',
  );
  const tokens = { input_ids: [1, 1, 5], labels: [-100, 1, 5] };
  assert.deepEqual((await load([tokens], {}, llama)).warnings, [], 'nor anything before tokens');
});
