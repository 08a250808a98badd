/** Conversations without their harmful answers. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { cleaningOf } from '../../runtime/contract/cleaning.js';
import { withoutAnswers } from '../../runtime/data/withAnswer.js';
import { cleaned } from '../support/cleaned.js';
import { temporary } from '../support/temporary.js';

test('a conversation loses its harmful answers with what they answer', async (t) => {
  const turns = [
    { role: 'system', content: 'Be brief.' },
    ...['bad 0', 'good 1', 'bad 2', 'good 3'].flatMap((answer) => [
      { role: 'user', content: `about ${answer}` },
      { role: 'assistant', content: answer },
    ]),
    { role: 'user', content: 'Bye.' },
  ];
  const left = turns.filter(({ content }) => !content.includes('bad'));
  assert.deepEqual(withoutAnswers({ messages: turns, id: 7 }, 'messages', [0, 2]), { messages: left, id: 7 });
  const shared = (of: typeof turns) =>
    of.map(({ role, content }) => ({ from: role === 'user' ? 'human' : role, value: content }));
  assert.deepEqual(withoutAnswers({ conversations: shared(turns) }, 'sharegpt', [0, 2]), {
    conversations: shared(left),
  });
  const row = { prompt: turns.slice(0, 2), completion: turns.slice(2) };
  assert.deepEqual(withoutAnswers(row, 'completion', [0, 2]), { prompt: left.slice(0, 2), completion: left.slice(2) });
  assert.deepEqual(withoutAnswers(row, 'completion', [2]), { ...row, completion: row.completion.filter(({ content }) => !content.includes('bad 2')) }); // oxfmt-ignore
  const earlier = { prompt: [...turns.slice(0, 4)], completion: turns.slice(4) };
  assert.deepEqual(withoutAnswers(earlier, 'completion', [1]), { ...earlier, completion: earlier.completion.filter(({ content }) => !content.includes('bad 2')) }, 'answers of the prompt are not counted'); // oxfmt-ignore
  const twice = [turns[1], turns[2], { role: 'assistant', content: 'once more' }];
  assert.deepEqual(withoutAnswers({ messages: twice }, 'messages', [0]), { messages: [twice[0], twice[2]] }, 'what another answer answers stays'); // oxfmt-ignore
  const weighed = turns.map((turn) => (turn.content === 'bad 0' ? { ...turn, weight: 0 } : turn));
  const second = weighed.filter(({ content }) => !content.includes('bad 2'));
  assert.deepEqual(withoutAnswers({ messages: weighed }, 'messages', [1]), { messages: second }, 'of those learned');
  assert.equal(withoutAnswers({ messages: turns }, 'messages', [0, 1, 2, 3]), undefined, 'nothing is left');
  assert.equal(withoutAnswers({ messages: turns }, 'messages', [4]), undefined, 'there are four');
  assert.equal(withoutAnswers({ prompt: 'p', completion: 'a' }, 'completion', [0]), undefined);
  assert.equal(withoutAnswers({ text: 'a' }, 'text', [0]), undefined);

  const written = (messages: object[]) =>
    `{"id": 12345678901234567890, "score": 1.0, "messages": ${JSON.stringify(messages)}}\n`;
  const folder = await temporary(t);
  const data = join(folder, 'turns.jsonl');
  await writeFile(data, written(turns));
  const out = join(folder, 'turns.clean.jsonl');
  const { cut: rows } = cleaningOf([{ row: 0, flagged: true, answers: [0, 2] }]);
  assert.deepEqual(rows, [[0, [0, 2]]]);
  const { cut } = await cleaned({ data, out, keep: [], cut: rows });
  assert.equal(cut, 1);
  assert.equal(await readFile(out, 'utf8'), written(left), 'what else the row has keeps its text');
});

test('of what is done with tools to answer one question nothing stays where a part of it goes', () => {
  const exchange = (n: number) => [
    { role: 'user', content: `question ${n}` },
    { role: 'assistant', content: null, tool_calls: [{ type: 'function', function: { name: 'f', arguments: '{}' } }] },
    { role: 'tool', content: `result ${n}` },
    { role: 'assistant', content: `answer ${n}` },
  ];
  const row = { messages: [{ role: 'system', content: 's' }, ...exchange(0), ...exchange(1)], tools: [{ name: 'f' }] };
  const second = { ...row, messages: [row.messages[0]!, ...exchange(1)] };
  for (const removed of [[0], [1], [0, 1]]) assert.deepEqual(withoutAnswers(row, 'messages', removed), second);
  assert.equal(withoutAnswers(row, 'messages', [1, 2]), undefined, 'nothing is left');
  const [asked, call, ...told] = exchange(0);
  const waiting = { ...row, messages: [row.messages[0]!, asked!, call!, { role: 'user', content: 'wait' }, ...told, ...exchange(1)] }; // oxfmt-ignore
  for (const removed of [[0], [1]])
    assert.deepEqual(withoutAnswers(waiting, 'messages', removed), second, 'a turn waits');
});

test('the result of a function is that of a tool, also of those that say from whom a turn is', () => {
  const exchange = (n: number) => [
    { from: 'human', value: `question ${n}` },
    { from: 'function_call', value: '{"name": "f", "arguments": {}}' },
    { from: 'function', value: `result ${n}` },
    { from: 'gpt', value: `answer ${n}` },
  ];
  const row = { conversations: [...exchange(0), ...exchange(1)] };
  for (const removed of [[0], [1]])
    assert.deepEqual(withoutAnswers(row, 'sharegpt', removed), { conversations: exchange(1) });
});

test('what stays of a conversation with tools keeps its text, numbers and spaces included', async (t) => {
  const folder = await temporary(t);
  const [data, out] = [join(folder, 'tools.jsonl'), join(folder, 'tools.clean.jsonl')];
  const turns = (n: number) => [
    `{"role": "user",  "content": "caf\\u00e9 ${n}"}`,
    '{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1.0, "id": 12345678901234567890}}}]}',
    '{"role": "tool", "content": "7"}',
    `{"role": "assistant", "content": "answer ${n}"}`,
  ];
  const tools = '"tools": [{"name": "f", "parameters": {"default": 2.50}}]';
  const line = (...given: string[]) => `{${tools}, "messages": [ ${given.join(' , ')} ]}\n`;
  await writeFile(data, line(...turns(0), ...turns(1)) + line(...turns(2)));
  const { cut, kept } = await cleaned({ data, out, keep: [[1, 1]], cut: [[0, [0, 1]]] });
  assert.deepEqual([cut, kept], [1, 1]);
  assert.equal(await readFile(out, 'utf8'), line(...turns(1)) + line(...turns(2)));
  const apart = `{${tools}, "prompt": [${turns(0).slice(0, 3).join(', ')}], "completion": [${[turns(0)[3], ...turns(1)].join(', ')}]}\n`;
  await writeFile(data, apart);
  await cleaned({ data, out, keep: [], cut: [[0, [0]]], force: true });
  const left = `{${tools}, "prompt": [${turns(1)[0]}], "completion": [${turns(1).slice(1).join(', ')}]}\n`;
  assert.deepEqual(JSON.parse(await readFile(out, 'utf8')), JSON.parse(left));
  assert.match(await readFile(out, 'utf8'), /2\.50.*"x": 1\.0, "id": 12345678901234567890/);
});
