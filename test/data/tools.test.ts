import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { ChatMessage } from '../../runtime/contract/generation.js';
import { askedBy, questionsOf } from '../../runtime/data/askedBy.js';
import { NOT_SUPERVISED } from '../../runtime/data/conversation.js';
import { encodeRow, type EncodedRow } from '../../runtime/data/encodeRow.js';
import { InvalidRow } from '../../runtime/data/invalidRow.js';
import { parsedRows, type ParsedRow, type SkippedRow } from '../../runtime/data/parsedRows.js';
import { parseRow } from '../../runtime/data/rawRow.js';
import type { RowContent } from '../../runtime/data/rowContent.js';
import { partsOf } from '../../runtime/data/rowIndex.js';
import { withSystem } from '../../runtime/data/withSystem.js';
import { chatTemplate } from '../../runtime/models/text/chatTemplate.js';
import { loadTokenizer, type Tokenizer } from '../../runtime/models/text/tokenizer.js';

const FIXTURES = join(import.meta.dirname, '../fixtures');
interface TemplateCases {
  template: string;
  cases: { row: string; ids?: number[]; mask?: number[]; error?: string }[];
}
const templates = JSON.parse(readFileSync(join(FIXTURES, 'chatTemplates/tools.json'), 'utf8')) as Record<
  string,
  TemplateCases
>;
const special = { bos_token: '<|im_start|>', eos_token: '<|im_end|>' };

let smollm: Tokenizer;
before(async () => {
  smollm = await loadTokenizer(join(FIXTURES, 'smollm2'));
});

const withTemplate = (name: string): Tokenizer => ({
  ...smollm,
  chatTemplate: chatTemplate(templates[name]!.template, name, special),
});

async function read(line: string): Promise<ParsedRow | SkippedRow> {
  const given = [parseRow(Buffer.from(line), { row: 0, line: 1 }, 'this line')];
  for await (const row of parsedRows('rows.jsonl', { given }, {})) return row;
  throw new Error('no row');
}

async function encoded(line: string, tokenizer: Tokenizer): Promise<EncodedRow> {
  const row = await read(line);
  if ('reason' in row) throw new Error(row.reason);
  return encodeRow(row.content, tokenizer, { answers: 'optional' });
}

/** Rows of which a template would drop a part, by their numbers: they are refused. */
const DROPPED: Record<string, Record<number, RegExp>> = {
  headers: { 4: /^message 2 has a text and calls a tool, and .* does not write the text/ },
  inst: { 4: /^message 2 has a text and calls a tool, and .* does not write the text/ },
  blocks: { 4: /^message 2 calls a tool, and the model's chat template does not write it/ },
};

describe('tokens and answers are those of transformers', () => {
  for (const [name, { cases }] of Object.entries(templates))
    test(name, async () => {
      const tokenizer = withTemplate(name);
      for (const [i, { row, ids, mask, error }] of cases.entries()) {
        const wrong = error?.replace(/\W+$/, '') ?? DROPPED[name]?.[i];
        if (wrong !== undefined) {
          await assert.rejects(encoded(row, tokenizer), ({ message }: Error) => new RegExp(wrong).test(message));
          continue;
        }
        const found = await encoded(row, tokenizer);
        if (!mask) assert.deepEqual(smollm.encode(found.promptText, { addSpecialTokens: false }), ids);
        else {
          assert.equal(smollm.decode(found.ids), smollm.decode(ids!));
          assert.deepEqual(found.ids, ids);
          const supervised = found.labels.map((label) => (label === NOT_SUPERVISED ? 0 : 1));
          assert.deepEqual(supervised, mask, row);
        }
      }
    });
});

const WEATHER = { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } };
const called = (given: unknown) => [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: given } }];
const USED = [
  { role: 'user', content: 'Rome?' },
  { role: 'assistant', content: null, tool_calls: called('{"city": "Rome"}') },
  { role: 'tool', tool_call_id: 'c1', content: '21' },
  { role: 'assistant', content: 'It is 21.' },
];

async function contentOf(row: object): Promise<RowContent & { kind: 'chat' }> {
  const found = await read(JSON.stringify(row));
  assert.ok('content' in found && found.content.kind === 'chat', 'reason' in found ? found.reason : '');
  return found.content;
}

test('rows in other notations say the same as those of OpenAI', async () => {
  const expected = await contentOf({ messages: USED, tools: [WEATHER] });
  const old = { name: 'weather', arguments: '{"city": "Rome"}' };
  const [asked, , , answer] = USED;
  const same: [what: string, row: object][] = [
    ['tools as text', { messages: USED, tools: JSON.stringify([WEATHER]) }],
    ['functions', { messages: [asked, { role: 'assistant', content: null, function_call: old }, { role: 'function', name: 'weather', content: '21' }, answer], functions: [WEATHER.function] }],
    ['bare tools and calls', { messages: [asked, { role: 'assistant', tool_calls: [old] }, { role: 'tool', content: '21' }, answer], tools: [WEATHER.function] }],
    ['LLaMA-Factory', { conversations: [{ from: 'human', value: 'Rome?' }, { from: 'function_call', value: '{"name": "weather", "arguments": {"city": "Rome"}}' }, { from: 'observation', value: '21' }, { from: 'gpt', value: 'It is 21.' }], tools: JSON.stringify([WEATHER.function]) }],
    ['a prompt and its completion', { prompt: USED.slice(0, 3), completion: USED.slice(3), tools: [WEATHER] }],
  ]; // oxfmt-ignore
  const tokenizer = withTemplate('tags');
  const { ids } = encodeRow(expected, tokenizer, {});
  for (const [what, row] of same) assert.deepEqual(encodeRow(await contentOf(row), tokenizer, {}).ids, ids, what);
  const inSystem = {
    role: 'system',
    content: `<tools>[{'type': 'function', 'function': {'name': 'weather'}}]</tools>`,
  };
  assert.equal(
    (await contentOf({ messages: [inSystem, ...USED], tools: [WEATHER] })).tools,
    undefined,
    'once is enough',
  );
  const other = { role: 'system', content: 'Use "weather" where you can.' };
  assert.notEqual((await contentOf({ messages: [other, ...USED], tools: [WEATHER] })).tools, undefined);
});

test('arguments keep their numbers, also of calls that are a text', async () => {
  const given = '{"x": 1.0, "id": 12345678901234567890}';
  const calls = `[{"function": {"name": "weather", "arguments": ${given}}}]`;
  for (const written of [calls, JSON.stringify(calls)]) {
    const row = await read(`{"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "tool_calls": ${written}}]}`); // oxfmt-ignore
    assert.ok('content' in row && row.content.kind === 'chat');
    assert.equal(row.content.messages[1]!.tool_calls![0]!.function.arguments, given);
  }
});

test('beside a call only blank text, null and an empty list are no text', async () => {
  const said = async (content: unknown): Promise<string> =>
    (await contentOf({ messages: [USED[0], { role: 'assistant', content, tool_calls: called('{}') }] })).messages[1]!
      .content;
  for (const content of ['[]', '{}', 'null', ' [ ] ']) assert.equal(await said(content), content);
  for (const content of [undefined, null, [], '', ' \n']) assert.equal(await said(content), '');
});

test('of a table what no object has is left out', async () => {
  const value = {
    messages: USED.map((one) => ({ tool_calls: null, ...one })),
    tools: [{ type: 'function', function: { name: 'weather', description: null, parameters: { x: null, y: 1 } } }],
  };
  const given = [{ row: 0, line: 1, value, names: Object.keys(value) }];
  for await (const row of parsedRows('rows.parquet', { given }, {})) {
    assert.ok('content' in row && row.content.kind === 'chat');
    assert.equal(row.content.tools, '[{"type":"function","function":{"name":"weather","parameters":{"y":1}}}]');
  }
});

test('what a template does not write refuses the row, with what to do', async () => {
  const plain = { ...smollm, chatTemplate: smollm.chatTemplate! };
  const rejected = (row: object, message: RegExp, by: Tokenizer = plain) =>
    assert.rejects(encoded(JSON.stringify(row), by), (error: Error) => {
      assert.match(error.message, message);
      return error instanceof InvalidRow;
    });
  await rejected(
    { messages: USED },
    /^message 2 calls a tool, and .* use a model whose template does, or write the call/,
  );
  const told = [USED[0]!, { role: 'assistant', content: 'It is 21.' }];
  await rejected({ messages: told, tools: [WEATHER] }, /^the row has tools, and .* or remove them from the row/);
  const deaf = "{% for m in messages if m.role != 'tool' %}<repo_name>{{ m.role }}\n{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<repo_name>assistant\n{% endif %}"; // oxfmt-ignore
  const noResults = { ...smollm, chatTemplate: chatTemplate(deaf, 'deaf', special) };
  const each = "{% for m in messages %}<repo_name>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function | tojson }}{% endfor %}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<repo_name>assistant\n{% endif %}"; // oxfmt-ignore
  const one = { ...smollm, chatTemplate: chatTemplate(each.replace('m.tool_calls or []', '(m.tool_calls or [])[:1]'), 'one', special) }; // oxfmt-ignore
  const twice = { role: 'assistant', tool_calls: ['{}', '{}'].flatMap(called) };
  await rejected({ messages: [USED[0], twice] }, /^message 2 calls several tools, .* writes one call a message/, one);
  const failing = { ...smollm, chatTemplate: chatTemplate(each.replace('tojson', 'nosuch'), 'failing', special) };
  for (const _ of [1, 2])
    await assert.rejects(encoded(JSON.stringify({ messages: USED }), failing), /the chat template failed: .*nosuch/);
  const shown = [USED[0]!, { role: 'assistant', content: 'weather()' }, ...USED.slice(2)];
  await rejected({ messages: shown }, /^message 3 is the result of a tool, and .* does not write it/, noResults);
  const { ids } = await encoded(JSON.stringify({ messages: shown }), plain);
  assert.match(smollm.decode(ids), /<\|im_start\|>tool\n21<\|im_end\|>/);
});

test('results are not learned where a template writes them with the call, and the prompt opens a thought', async () => {
  const within = "{% for m in messages %}{% if m.role != 'tool' %}<repo_name>{{ m.role }}\n{% if m.tool_calls %}{% set f = m.tool_calls[0].function %}{{ f.name }}{{ f.arguments | tojson }}{% for r in messages[loop.index:] if r.role == 'tool' %}<file_sep>{{ r.content }}<file_sep>{% endfor %}RESULTS{% endif %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}<repo_name>assistant\n<think>{% endif %}"; // oxfmt-ignore
  const learned = async (template: string): Promise<string[]> => {
    const tokenizer = { ...smollm, chatTemplate: chatTemplate(template, 'within', special) };
    const { ids, labels } = await encoded(JSON.stringify({ messages: USED }), tokenizer);
    const masked = ids.map((id, t) => (labels[t] === NOT_SUPERVISED ? '¦' : smollm.decode([id])));
    return masked.join('').split(/¦+/).filter(Boolean);
  };
  const call = 'weather{"city": "Rome"}';
  assert.deepEqual(await learned(within.replace('RESULTS', '')), [call, 'It is 21.<|im_end|>']);
  await assert.rejects(learned(within.replace('RESULTS', 'done')), /^Error: .* writes a call and its result as one/);
});

test('a call is written in a form that works where more follows, too', async () => {
  const early = "{% for m in messages %}<repo_name>{{ m.role }}\n{% if not loop.last and m.role == 'assistant' %}{{ m.content.split('|')[-1] }}{% else %}{{ m.content or '' }}{% endif %}{% for c in m.tool_calls or [] %}{{ c.function | tojson }}{% endfor %}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<repo_name>assistant\n{% endif %}"; // oxfmt-ignore
  const tokenizer = { ...smollm, chatTemplate: chatTemplate(early, 'early', special) };
  const { ids } = await encoded(JSON.stringify({ messages: USED }), tokenizer);
  assert.match(smollm.decode(ids), /{"name": "weather", "arguments": {"city": "Rome"}}<\|im_end\|><repo_name>tool\n21/);
});

test('arguments may have the names of the methods by which a template reads them', () => {
  const methods = "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.name }}: {% for key, value in c.function.arguments.items() %}{{ key }}={{ value }}, {% endfor %}{{ c.function.arguments.get('get') }}{% endfor %}{% endfor %}"; // oxfmt-ignore
  const [asked, call] = [USED[0]!, { role: 'assistant', content: '', tool_calls: called('{"items": 1, "get": 3}') }];
  const text = chatTemplate(methods, 'methods').render([asked, call] as ChatMessage[], { addGenerationPrompt: false });
  assert.equal(text, 'weather: items=1, get=3, 3');
});

test('what a call says is what the model writes; a question is the same with and without tools', async () => {
  const tokenizer = withTemplate('thought');
  const [row, bare] = await Promise.all(
    [{ messages: USED.slice(0, 2), tools: [WEATHER] }, { messages: [USED[0], USED[3]] }].map((one) =>
      encoded(JSON.stringify(one), tokenizer),
    ),
  );
  assert.equal(row!.answer, '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>');
  assert.ok(smollm.decode(row!.promptIds).endsWith('assistant\n<think>\n\n</think>\n\n'));
  assert.deepEqual(questionsOf(row!)[0], questionsOf(bare!)[0]);
  const whole = await encoded(JSON.stringify({ messages: USED, tools: [WEATHER] }), tokenizer);
  const [{ written, ...first }, ...more] = whole.earlier!;
  assert.deepEqual([first, more], [{ name: questionsOf(bare!)[0], answer: row!.answer }, []]);
  assert.equal(written, bare!.questionWritten ?? askedBy(bare!));
  assert.equal(whole.said, undefined);
});

test('a system prompt is written beside the tools, and a call stays one', async () => {
  const tokenizer = withTemplate('tags');
  const [first, ...rest] = USED.slice(0, 2);
  const line = (messages: unknown[]) => JSON.stringify({ messages, tools: [WEATHER] });
  const row = { row: 0, line: 1, ...(await encoded(line([first, ...rest]), tokenizer)) };
  const [changed] = withSystem([row], 'Be brief.', { tokenizer, contextLength: 999 });
  const { ids, labels } = await encoded(line([{ role: 'system', content: 'Be brief.' }, first, ...rest]), tokenizer);
  assert.deepEqual([changed!.ids, changed!.labels], [ids, labels]);
});

test('what people read of a row says what is called', async () => {
  const content = await contentOf({ messages: USED, tools: [WEATHER] });
  assert.deepEqual(partsOf(content, {}), {
    prompt: 'tools: weather\nuser: Rome?\nassistant: weather({"city":"Rome"})\ntool: 21',
    answer: 'It is 21.',
  });
  assert.equal(partsOf(await contentOf({ messages: USED.slice(0, 2) }), {}).answer, 'weather({"city":"Rome"})');
});
