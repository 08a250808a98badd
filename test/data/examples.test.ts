import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { NOT_SUPERVISED, supervisedTokens } from '../../runtime/data/conversation.js';
import { loadExamples } from '../../runtime/data/examples.js';
import { inspectData } from '../../runtime/data/inspectData.js';
import type { Example, ExampleOptions, Examples } from '../../runtime/data/examples.js';
import { openScratch } from '../../runtime/data/scratch.js';
import { HumanError } from '../../runtime/support/errors.js';
import { chatTemplate } from '../../runtime/models/text/chatTemplate.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import type { Tokenizer } from '../../runtime/models/text/tokenizer.js';

const FIXTURES = join(dirname(fileURLToPath(import.meta.url)), '../fixtures');
let folder: string;
let smollm: Tokenizer;
/** A model without a chat template. */
let llama: Tokenizer;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'examples-'));
  smollm = await loadTokenizer(join(FIXTURES, 'smollm2'));
  llama = await loadTokenizer(join(FIXTURES, 'tokenizers/llama'));
  llama.eosIds = [2];
});
after(() => rm(folder, { recursive: true }));

const lines = (rows: unknown[]): string =>
  rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join('');
async function put(rows: unknown[], name = 'train.jsonl'): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, lines(rows));
  return file;
}
type Loaded = Omit<Examples, 'examples'> & { examples: Example[] };
async function loadFile(file: string, options?: ExampleOptions, tokenizer = smollm): Promise<Loaded> {
  const scratch = openScratch(folder);
  const loaded = await loadExamples(file, tokenizer, { ...options, scratch });
  return { ...loaded, examples: [...loaded.examples] };
}
const load = async (rows: unknown[], options?: ExampleOptions, tokenizer = smollm): Promise<Loaded> =>
  loadFile(await put(rows), options, tokenizer);
const supervised = ({ ids, labels }: { ids: number[]; labels: number[] }, tokenizer = smollm): string =>
  tokenizer.decode(ids.filter((_, t) => labels[t] !== NOT_SUPERVISED));
const SYSTEM = '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n';
const chat = (question: string, answer: string) => ({
  messages: [{ role: 'user', content: question }, { role: 'assistant', content: answer }],
}); // oxfmt-ignore

describe('row formats are found and read', () => {
  const asked = `${SYSTEM}<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n`;
  const kind = '<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n';
  const cases: [format: string, row: Record<string, unknown>, prompt: string][] = [
    ['messages', chat('Hi', 'Hello'), asked],
    ['messages', { messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }, { role: 'assistant', content: 'Hello' }] }, asked],
    ['completion', { prompt: 'Hi', completion: 'Hello' }, asked],
    ['completion', { prompt: 'Hi', response: 'Hello' }, asked],
    ['completion', { prompt: [{ role: 'user', content: 'Hi' }], completion: [{ role: 'assistant', content: 'Hello' }] }, asked],
    ['alpaca', { instruction: 'Hi', input: '', output: 'Hello' }, asked],
    ['alpaca', { instruction: 'Add.', input: '2 + 2', output: 'Hello' }, asked.replace('Hi', 'Add.\n\n2 + 2')],
    ['sharegpt', { conversations: [{ from: 'human', value: 'Hi' }, { from: 'gpt', value: 'Hello' }] }, asked],
    ['sharegpt', { conversations: [{ from: 'system', value: 'Be kind.' }, { from: 'user', value: 'Hi' }, { from: 'assistant', value: 'Hello' }] },
      kind],
    ['sharegpt', { conversations: [{ from: 'human', value: 'Hi' }, { from: 'gpt', value: 'Hello', weight: 1 }], system: 'Be kind.', tools: '[]' }, kind],
    ['alpaca', { instruction: 'Add.', context: '2 + 2', response: 'Hello' }, asked.replace('Hi', 'Add.\n\n2 + 2')],
    ['alpaca', { instruction: 'Hi', output: 'Hello', system: 'Be kind.', history: [] }, kind],
    ['messages', { ...chat('Hi', 'Hello'), system: 'Be kind.' }, kind],
  ]; // oxfmt-ignore
  for (const [i, [format, row, prompt]] of cases.entries()) {
    test(`${format} ${i}`, async () => {
      for (const given of ['auto', format] as ExampleOptions['format'][]) {
        const { examples, format: found, skipped: refused, sha256 } = await load([row], { format: given });
        assert.equal(found, format);
        assert.deepEqual(refused, []);
        assert.equal(
          sha256,
          createHash('sha256')
            .update(lines([row]))
            .digest('hex'),
        );
        const [example] = examples;
        assert.equal(example!.promptText, prompt);
        assert.equal(smollm.decode(example!.promptIds), prompt);
        assert.equal(example!.answer, 'Hello');
        assert.equal(supervised(example!), 'Hello<|im_end|>');
        assert.equal(example!.prompt!.at(-1)!.role, 'user');
        assert.deepEqual([example!.row, example!.line], [0, 1]);
      }
    });
  }

  test('a prompt of messages: its answers are not supervised', async () => {
    const [one, two] = [chat('Hi', 'Hello').messages, chat('Bye', 'Good night').messages];
    for (const system of [undefined, 'Be kind.']) {
      const row = { prompt: [...one, two[0]], completion: [two[1]], system };
      assert.equal(supervised((await load([row])).examples[0]!), 'Good night<|im_end|>');
    }
    await assert.rejects(load([{ prompt: one, completion: [two[0]] }]), /no answer/);
    await assert.rejects(load([{ prompt: [], completion: one }]), /"prompt" is empty/);
  });

  test('text: every token is supervised, and none is added', async () => {
    const { examples, format } = await load([{ text: 'The quick brown fox' }]);
    assert.equal(format, 'text');
    assert.deepEqual(examples[0]!.labels, examples[0]!.ids);
    assert.equal(smollm.decode(examples[0]!.ids), 'The quick brown fox');
    assert.deepEqual(examples[0]!.promptIds, []);
    assert.equal(supervisedTokens(examples[0]!.labels), examples[0]!.ids.length - 1);
    const own = await load([{ text: 'The quick brown fox' }], {}, llama);
    assert.equal(llama.decode(own.examples[0]!.ids), '<s> The quick brown fox');
  });

  test('tokens: ids and unshifted labels as given', async () => {
    const rows = [
      { input_ids: [1, 504, 2365, 2], labels: [-100, -100, 2365, 2] },
      { input_ids: [504, 2365] },
      { input_ids: [504, 2365, 2, 2], labels: [-100, 2365, -100, -100], attention_mask: [1, 1, 0, 0] },
    ];
    const { examples, format } = await load(rows);
    assert.equal(format, 'tokens');
    assert.deepEqual(examples.map(({ ids, labels }) => [ids, labels]), [
      [rows[0]!.input_ids, rows[0]!.labels],
      [[504, 2365], [504, 2365]],
      [[504, 2365], [-100, 2365]],
    ]); // oxfmt-ignore
    assert.deepEqual(examples[0]!.promptIds, [1, 504]);
    assert.equal(examples[0]!.answer, smollm.decode([2365]));
  });

  test('prompt and completion without a chat template are one text; conversations use the plain template', async () => {
    const { examples } = await load([{ prompt: 'the dog', completion: ' runs' }], {}, llama);
    assert.equal(llama.decode(examples[0]!.ids), '<s> the dog runs</s>');
    assert.equal(supervised(examples[0]!, llama).trim(), 'runs</s>');
    assert.equal(examples[0]!.prompt, undefined);
    assert.equal(llama.chatTemplate!.plain, true);
    const plain = (await load([chat('make a cake', 'take 3 eggs')], {}, llama)).examples[0]!;
    assert.equal(plain.promptText, '<s>User: make a cake\nAssistant:');
    assert.equal(supervised(plain, llama).trim(), 'take 3 eggs');
  });

  test('CSV and a JSON list give the same examples as lines', async () => {
    const rows = [chat('Hi', 'Hello'), chat('Bye', 'See you')];
    const expected = (await load(rows)).examples;
    const file = join(folder, 'list.json');
    await writeFile(file, JSON.stringify(rows, null, 2));
    const list = await loadFile(file);
    assert.deepEqual(
      list.examples.map(({ ids, labels }) => [ids, labels]),
      expected.map(({ ids, labels }) => [ids, labels]),
    );
    assert.deepEqual(
      list.examples.map(({ line }) => line),
      [2, 14],
    );
    const csv = join(folder, 'table.csv');
    await writeFile(csv, 'prompt,completion\nHi,Hello\nBye,See you\n');
    assert.deepEqual(
      (await loadFile(csv)).examples.map(({ ids }) => ids),
      expected.map(({ ids }) => ids),
    );
  });
});

describe('rows that cannot be used are listed with their line', () => {
  test('every reason', async () => {
    const rows: [row: unknown, reason: RegExp | null][] = [
      ['{"messages": [', /not JSON/],
      [{ other: 1, fields: 2 }, /its fields \("other", "fields"\) match no row format \(messages, completion/],
      [chat('Hi', 'Hello'), null],
      [{ text: 'x' }, /"messages" is not a list \(format "messages"\)/],
      [{ messages: [] }, /"messages" is empty/],
      [{ messages: ['x'] }, /message 1 is not an object/],
      [{ messages: [{ role: 'critic', content: 'x' }] }, /role "critic"; system, user, assistant and tool/],
      [{ messages: [{ role: 'user', content: null }] }, /content of message 1 is not text/],
      [{ messages: [{ role: 'user', content: 'x' }] }, /no answer/],
      [chat('Hi', ''), /the answer is empty/],
      ['{"messages":[{"role":"user","content":"\\ud800"},{"role":"assistant","content":"x"}]}', /surrogate/],
      [chat('Hi', 'word '.repeat(60)), /has \d+ tokens, more than "maxTokens" \(64\)/],
      [chat('Hi', 'word '.repeat(300)), /has \d+ tokens, more than the model's context of 128/],
      [{ messages: [{ role: 'user', content: 'x' }], text: 7 }, /no answer/],
      ['', null],
      [chat('Bye', 'Bye'), null],
    ];
    const { examples, skipped: refused } = await load(
      rows.map(([row]) => row),
      { maxTokens: 64, contextLength: 128 },
    );
    assert.deepEqual(
      examples.map(({ line }) => line),
      [3, 16],
    );
    const expected = rows.flatMap(([, reason], i) => (reason ? [[i + 1, reason] as const] : []));
    assert.equal(refused.length, expected.length);
    for (const [i, [line, reason]] of expected.entries()) {
      assert.equal(refused[i]!.line, line);
      assert.match(refused[i]!.reason, reason);
      assert.equal(refused[i]!.tooLong, line === 12 || line === 13);
      assert.equal(refused[i]!.broken, !refused[i]!.tooLong);
    }
  });

  test('tokens outside the vocabulary, of unequal lengths, or with nothing to learn', async () => {
    const rows: [row: unknown, reason: RegExp][] = [
      [{ input_ids: [1, 60_000] }, /token 60000 is not in the model's vocabulary of 49152/],
      [{ input_ids: [1, -1] }, /token -1/],
      [{ input_ids: [1, 2], labels: [1, 49_152] }, /label 49152/],
      [{ input_ids: [1, 2], labels: [-100] }, /"labels" has 1 entries, "input_ids" 2/],
      [{ input_ids: [1, 2.5] }, /2\.5, which is not a whole number/],
      [{ input_ids: [1, '2'] }, /"2", which/],
      [{ input_ids: [] }, /"input_ids" is empty/],
      [{ input_ids: [1, 2], labels: [1, -100] }, /no token of the row is supervised/],
      [{ input_ids: [1, 2], attention_mask: [0, 1] }, /attention_mask/],
      [{ input_ids: [1, 2], attention_mask: [1, 2] }, /attention_mask/],
    ];
    const { skipped: refused } = await load([...rows.map(([row]) => row), { input_ids: [1, 2] }]);
    assert.equal(refused.length, rows.length);
    for (const [i, [, reason]] of rows.entries()) assert.match(refused[i]!.reason, reason);
    const larger: Tokenizer = { ...smollm, modelVocabSize: 60_001 };
    assert.equal((await load([{ input_ids: [1, 60_000] }], {}, larger)).examples.length, 1);
  });

  test('messages that the template refuses', async () => {
    const strict: Tokenizer = {
      ...smollm,
      chatTemplate: chatTemplate("{{ raise_exception('no chats today.') }}", 'template'),
    };
    await assert.rejects(
      load([chat('Hi', 'Hello')], {}, strict),
      /only row .*rejects these messages: no chats today\./,
    );
  });

  test('the format of the recipe is not guessed against', async () => {
    await assert.rejects(
      load([chat('Hi', 'Hello')], { format: 'alpaca' }),
      /"instruction" is missing \(format "alpaca"\)/,
    );
  });
});

describe('a file without a usable row', () => {
  const fails = async (rows: unknown[], expected: object, options?: ExampleOptions): Promise<void> => {
    await assert.rejects(load(rows, options), (error) => {
      assert.ok(error instanceof HumanError && error.remedy);
      return true;
    });
    await assert.rejects(load(rows, options), expected);
  };
  test('is an error at its first problem', async () => {
    const place = (line: number) => `${join(folder, 'train.jsonl')}:${line}`;
    await fails([], { message: /data set is empty/, place: join(folder, 'train.jsonl') });
    await fails(['', '  '], { message: /data set is empty/ });
    await fails(['', '{oops}'], { message: /^its only row cannot be used: this line is not JSON/, place: place(2) });
    await fails(['{oops}', '{}'], { message: /^none of its rows can be used; the first: /, place: place(1) });
    // as of one list, of which each element is a row: the other lines are not read
    const list = '[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]';
    const reason = /^none of its rows can be used; the first: it is a message of its own; .* each line is a list/;
    await fails([list, list, list], { message: reason, place: place(1) });
    await fails(
      [chat('Hi', 'a '.repeat(50))],
      { message: /than the model's context of 20/, remedy: /maxTokens/ },
      { contextLength: 20 },
    );
  });

  test('strict: the first broken row says how many others are to be mended, of the next thousand rows', async () => {
    const [good, wrong] = [chat('Hi', 'Hello'), { prompt: 'Hi', completion: '' }];
    const place = `${join(folder, 'train.jsonl')}:2`;
    const of = (rows: unknown[], remedy: string) => fails(rows, { place, remedy }, { strict: true });
    await of([good, wrong, good], 'Correct or remove this row.');
    const three = [good, wrong, good, wrong, '{oops}'];
    await of(
      three,
      'Correct or remove this row and 2 more: the Data view, or "inspect FILE", lists those that no model can use.',
    );
    const more = [...three, wrong, ...Array<unknown>(1010).fill(good), wrong];
    await of(
      more,
      'Correct or remove this row and at least 3 more: the Data view, or "inspect FILE", lists those that no model can use.',
    );
  });

  test('strict: the first broken row ends the load, with its line; too long rows do not', async () => {
    const rows = [chat('Hi', 'Hello'), chat('Hi', 'word '.repeat(100)), '{"messages": [}', chat('Hi', 'Hello')];
    await fails(
      rows,
      { message: /^this line is not JSON: /, place: `${join(folder, 'train.jsonl')}:3` },
      { strict: true, maxTokens: 64 },
    );
    const unfit = chat('Hi', '\n\nHello');
    assert.match((await load([rows[0], unfit], { strict: true })).skipped[0]!.reason, /cannot be separated/);
    const { skipped: refused } = await load(rows.toSpliced(2, 1), { strict: true, maxTokens: 64 });
    assert.deepEqual(
      refused.map(({ line }) => line),
      [2],
    );
  });
});

test('labels, limit and order', async () => {
  const rows = [
    { ...chat('a', 'x'), label: 'harmful' },
    { ...chat('b', 'x'), label: 'benign' },
    { ...chat('c', 'x'), label: 3 },
  ];
  const { examples } = await load(rows);
  assert.deepEqual(
    examples.map(({ label }) => label),
    ['harmful', 'benign', undefined],
  );
  assert.equal((await load(rows, { limit: 2 })).examples.length, 2);
  assert.deepEqual(await load(rows), await load(rows));
});

test('rows that only ask are examples where answers are generated', async () => {
  const rows = [{ messages: [{ role: 'user', content: 'Hi' }] }, chat('Hi', 'Hello')];
  const { examples } = await load(rows, { answers: 'optional' });
  assert.deepEqual(examples[0]!.promptIds, examples[1]!.promptIds);
  assert.equal(examples[0]!.answer, '');
  assert.equal(supervisedTokens(examples[0]!.labels), 0);
  assert.deepEqual(examples[0]!.prompt, rows[0]!.messages);
  assert.equal(
    (await load([{ prompt: 'Hi' }], { answers: 'optional' })).examples[0]!.promptText,
    examples[0]!.promptText,
  );
  assert.equal((await load([{ instruction: 'Hi' }], { answers: 'optional' })).format, 'alpaca');
  assert.equal(
    (await load([{ prompt: 'the dog' }], { answers: 'optional' }, llama)).examples[0]!.promptText,
    'the dog',
  );
  await assert.rejects(load([{ prompt: 'Hi' }]), /no answer/);
});

test('inspecting needs no model', async () => {
  const rows = [{ ...chat('a', 'x'), label: 'harmful' }, '{', { ...chat('b', 'x'), label: 'benign' }, chat('c', 'x')];
  const info = await inspectData(await put(rows));
  assert.deepEqual(
    { ...info, refused: info.refused.map(({ line }) => line) },
    {
      path: join(folder, 'train.jsonl'),
      format: 'messages',
      rows: 4,
      labels: { harmful: 1, benign: 1 },
      refusedRows: 1,
      refused: [2],
      longest: { line: 1, characters: 2 },
      duplicates: { count: 0, lines: [] },
    },
  );
  await assert.rejects(inspectData(await put([])), /data set is empty/);
});

test('an endless template ends the load, not every row', { timeout: 60_000 }, async () => {
  const loops =
    '{% for a in range(10000) %}{% for b in range(10000) %}{% for c in range(10000) %}{% endfor %}{% endfor %}{% endfor %}';
  const endless: Tokenizer = { ...smollm, chatTemplate: chatTemplate(loops, 'template') };
  await assert.rejects(load([chat('Hi', 'Hello'), chat('a', 'b')], { strict: true, rowMs: 500 }, endless), {
    name: 'HumanError',
    message: /takes too long to tokenize/,
    place: /train\.jsonl:1$/,
  });
});
