/** What rows ask, by name. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { askedBy, isAmong, isTaught, promptName, questionOf, questionsOf } from '../../runtime/data/askedBy.js';
import { loadExamples, type Example, type ExampleOptions } from '../../runtime/data/examples.js';
import { openScratch } from '../../runtime/data/scratch.js';
import { loadTokenizer, type Tokenizer } from '../../runtime/models/text/tokenizer.js';

let folder: string;
let smollm: Tokenizer;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'asked-by-'));
  smollm = await loadTokenizer(join(dirname(fileURLToPath(import.meta.url)), '../fixtures/smollm2'));
});
after(() => rm(folder, { recursive: true }));

async function load(rows: readonly object[], options?: ExampleOptions): Promise<{ examples: Example[] }> {
  const file = join(folder, 'rows.jsonl');
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const { examples } = await loadExamples(file, smollm, { ...options, scratch: openScratch(folder) });
  return { examples: [...examples] };
}
const chat = (question: string, answer: string) => ({
  messages: [{ role: 'user', content: question }, { role: 'assistant', content: answer }],
}); // oxfmt-ignore

test('the prompts of all answers that are learned are named', async () => {
  const [one, two] = [chat('Hi', 'Hello').messages, chat('Bye', 'Good night').messages];
  const { examples } = await load([{ messages: one }, { messages: [...one, ...two] }]);
  const [first, both] = examples.map(questionsOf);
  const [onlyLast] = (await load([{ prompt: [...one, two[0]], completion: [two[1]] }])).examples.map(questionsOf);
  assert.deepEqual([first!.length, onlyLast!.length], [1, 1]);
  assert.deepEqual(both, [...first!, ...onlyLast!]);
  const { ids, labels } = examples[1]!;
  const [same] = (await load([{ input_ids: ids, labels }])).examples;
  assert.deepEqual(questionsOf(same!), both, 'as tokens');
  for (const row of [examples[1]!, same!]) assert.equal(row.earlier?.[0]?.answer, 'Hello');
  // of many answers the first and the last
  const masked = Array.from({ length: 60 }, (_, t) => (t % 3 === 2 ? 5 : -100));
  const [many] = (await load([{ input_ids: masked.map(() => 5), labels: masked }])).examples;
  assert.equal(questionsOf(many!).length, 2);
});

test('the same question is the same behind any system message, and another prompt', async () => {
  const system = (content: string) => ({ role: 'system', content });
  const [hi, bye] = [chat('Hi', 'Hello').messages, chat('Bye', 'Good night').messages];
  const rows = [
    { messages: hi },
    { messages: [system('Be kind.'), ...hi] },
    { messages: [system('Be short.'), ...hi] },
    { messages: [system('Be kind.'), hi[0]] },
  ];
  const { examples } = await load(rows, { answers: 'optional' });
  examples.push(...(await load([{ prompt: 'Hi', completion: 'Hello', system: 'Be brave.' }])).examples);
  assert.deepEqual(new Set(examples.map(questionOf)).size, 1);
  assert.equal(new Set(examples.map(askedBy)).size, 4);
  assert.deepEqual(questionsOf(examples[0]!), [questionOf(examples[0]!)]);
  const [alone, behind] = (await load([{ messages: [...hi, ...bye] }, { messages: [system('x'), ...hi, ...bye] }]))
    .examples;
  const [first, last, whole, ...rest] = questionsOf(behind!);
  assert.deepEqual([[first, last], rest], [questionsOf(alone!), []]);
  assert.equal(whole, promptName(behind!.promptText));
  // Where nobody asks anything, the system message is what is asked.
  const bare = await load(['a', 'b'].map((text) => ({ messages: [system(text), hi[1]] })));
  assert.equal(new Set(bare.examples.map(questionOf)).size, 2);
});

test('case, white space and punctuation make no other question, but within words and numbers they do', async () => {
  const asked = async (...prompts: string[]) =>
    (await load(prompts.map((prompt) => ({ messages: chat(prompt, 'Hello').messages })))).examples;
  const same = await asked(
    'How do I do this?',
    'how do i do this',
    ' HOW  do I do\nthis ?! ',
    'How do I… do this.',
    '¿How do I do this!',
  );
  assert.equal(new Set(same.map(questionOf)).size, 1);
  assert.equal(new Set(same.map(askedBy)).size, 5, 'each is asked');
  const other = await asked('What is 5! + 1?', 'What is 5 + 1?', 'Is x != 3?', 'Is x = 3?', 'What is 3²?', 'What is 32?', 'Is a..b a range?', 'Is a.b a range?', 'What is 3.5?', 'What is 35?', 'What is 3 5?', 'What is 3-5?', 'What is -3 5?', "What's 35?", 'was ist 35?', 'Wäs ist 35?'); // oxfmt-ignore
  assert.equal(new Set(other.map(questionOf)).size, other.length);
  // A file of an earlier version names prompts to the letter.
  assert.ok(isAmong(new Set([askedBy(same[1]!)]), same[1]!) && isTaught(new Set([askedBy(same[1]!)]), same[1]!));
  assert.ok(isAmong(new Set([questionOf(same[0]!)]), same[1]!));
  assert.ok(!isAmong(new Set([askedBy(same[0]!)]), same[1]!));
});
