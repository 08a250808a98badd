/** Rows with tools as a vector, its anchor, a scan and an evaluation have them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ChatMessage } from '../../runtime/contract/generation.js';
import { exampleFrom, type Example } from '../../runtime/data/examples.js';
import { evaluateState, setFacts } from '../../runtime/evaluation/evaluate.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import { chatTemplate } from '../../runtime/models/text/chatTemplate.js';
import { loadTokenizer, type Tokenizer } from '../../runtime/models/text/tokenizer.js';
import { cutRow, partsOf } from '../../runtime/recipes/protection/cut.js';
import { allOwn } from '../../runtime/recipes/protection/ownRows.js';
import { readPrompts, writePrompts, type VectorPrompt } from '../../runtime/recipes/protection/prompts.js';

const FIXTURES = join(import.meta.dirname, '../fixtures');
let folder: string;
let tokenizer: Tokenizer;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tool-rows-'));
  const { tags } = JSON.parse(readFileSync(join(FIXTURES, 'chatTemplates/tools.json'), 'utf8')) as {
    tags: { template: string };
  };
  const smollm = await loadTokenizer(join(FIXTURES, 'smollm2'));
  tokenizer = { ...smollm, chatTemplate: chatTemplate(tags.template, 'tags', {}) };
});
after(() => rm(folder, { recursive: true }));

const TOOLS = '[{"type": "function", "function": {"name": "buy"}}]';
const user = (content: string): ChatMessage => ({ role: 'user', content });
const calling = (given: string): ChatMessage => ({
  role: 'assistant',
  content: '',
  tool_calls: [{ id: 'c', type: 'function', function: { name: 'buy', arguments: given } }],
});
const told: ChatMessage[] = [
  { role: 'tool', tool_call_id: 'c', content: 'bought' },
  { role: 'assistant', content: 'It is bought.' },
];
const row = (messages: ChatMessage[], at = 0): Example =>
  exampleFrom({ kind: 'chat', messages, tools: TOOLS }, tokenizer, { row: at, line: at + 1 });

test('the prompts of a vector keep its tools and calls: an anchor holds the same tokens', async () => {
  const trained = [row([user('a lamp')].concat(calling('{"n": 1.0}'))), row([user('two'), calling('{}'), ...told], 1)];
  const said = tokenizer.encode('No.', { addSpecialTokens: false });
  const base = {
    async *answers(prompts: readonly unknown[]) {
      for (const index of prompts.keys()) yield { index, answer: { ids: said, reason: 'stop' as const } };
    },
  };
  const given = { signal: new AbortController().signal, progress: () => undefined };
  const file = join(folder, 'prompts.jsonl');
  await writePrompts(file, { trained, held: [] } as never, base as never, tokenizer, given);
  const own = await allOwn(folder, tokenizer, []);
  assert.deepEqual(own.trained.map(({ ids }) => ids), trained.map(({ ids }) => ids)); // oxfmt-ignore
  assert.deepEqual(own.held.map(({ promptIds }) => promptIds), trained.map(({ promptIds }) => promptIds)); // oxfmt-ignore
  const [first] = (await readPrompts(file)) as VectorPrompt[];
  assert.equal(first!.harmful, '<tool_call>\n{"name": "buy", "arguments": {"n": 1.0}}\n</tool_call>');
  await writeFile(file, JSON.stringify({ ...first, said: { role: 'assistant', content: null } }));
  await assert.rejects(readPrompts(file), /not a vector's prompt: the content of message 1 is not text/);
});

test('a call is not cut, and of what is done to answer one question all answers go', () => {
  const call = row([user('a lamp'), calling('{"n": 1}')]);
  assert.equal(cutRow(call, { spans: [[4, 9]], pOutside: 0.5, inserted: true }, tokenizer), undefined);
  const two = row([user('a'), calling('{}'), ...told, user('b'), calling('{}'), ...told]);
  const removed = (...answers: number[]) => partsOf(two, { spans: [[0, 3]], answers }, tokenizer).answers;
  assert.deepEqual([removed(0), removed(1), removed(3)], [[0, 1], [0, 1], [2, 3]]); // oxfmt-ignore
  assert.equal(removed(1, 2), undefined, 'nothing is left');
});

test('an evaluation asks behind the result of a tool, and compares calls as the model writes them', async () => {
  const expected = row([user('a lamp'), calling('{"n": 1}')]);
  const set = { name: 'calls', file: 'set.jsonl', format: 'auto', measure: 'exact' } as const;
  const ids = expected.ids.slice(expected.promptIds.length);
  const heard: RunEvent[] = [];
  const generator = {
    async *answers(prompts: readonly (readonly number[])[]) {
      for (const index of prompts.keys())
        yield { index, answer: { ids: ids.slice(0, ids.indexOf(tokenizer.eosIds[0]!)), reason: 'stop' as const } };
    },
  };
  const after = row([user('a lamp'), calling('{}'), told[0]!, calling('{"n": 1}')], 1);
  await evaluateState(
    { tokenizer },
    [{ set, examples: [expected, after] }],
    { name: 'base', generator, losses: assert.fail } as never,
    {
      step: 0,
      generation: { maxNewTokens: 99, temperature: 0, topP: 1 },
      signal: new AbortController().signal,
      emit: async (event) => void heard.push(event),
    },
  );
  const samples = heard.filter((event) => event.kind === 'sample');
  assert.deepEqual(samples.map(({ verdict }) => verdict), ['right', 'right']); // oxfmt-ignore
  assert.equal(samples[1]!.prompt, 'User: a lamp\nAssistant: buy({})\nTool: bought');
  const sha = (tools: string) => setFacts([{ set, examples: [{ ...expected, tools }] }])['calls']!.sha256;
  assert.notEqual(sha(TOOLS), sha('[]'), 'other tools are another set');
});
