/** Files of which no row can be used: what is said of them, and whether other columns would help. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { inspectData } from '../../runtime/data/inspectData.js';
import { readRows } from '../../runtime/data/rows.js';
import { HumanError } from '../../runtime/support/errors.js';
import { temporary } from '../extension/support.js';
import { silent } from '../support/silent.js';

test('the progress of reading is a share, also of a file that is empty', async (t) => {
  const folder = await temporary(t);
  const shares: number[] = [];
  const reporter = { ...silent, onProgress: (_: string, share = 0) => void shares.push(share) };
  for (const [name, content] of [
    ['empty.jsonl', ''],
    ['one.jsonl', '{"text": "a"}\n'],
  ] as const) {
    const path = join(folder, name);
    await writeFile(path, content);
    await calls.inspectData({ path }, reporter).catch(() => undefined);
  }
  assert.ok(shares.length > 0 && shares.every((share) => share >= 0 && share <= 1), shares.join());
});

const PAIR = { human: 'Hi', assistant: 'Hello' };
const TURNS = [
  { role: 'user', content: 'a' },
  { role: 'assistant', content: 'b' },
];

describe('columns are to be chosen only where a row has some', () => {
  const cases: [file: string, content: string | Buffer, code: 'columns' | undefined, message: RegExp][] = [
    ['python.jsonl', "{'prompt': 'a', 'completion': 'b'}\n", undefined, /this line is not JSON/],
    ['latin1.jsonl', Buffer.from('{"prompt": "é", "completion": "ü"}\n', 'latin1'), undefined, /not valid UTF-8/],
    [
      'nested.json',
      JSON.stringify({ data: [{ prompt: 'a' }] }, undefined, 1),
      undefined,
      /a list at the top level .* whose "data" has a list/,
    ],
    [
      'named.json',
      JSON.stringify({ name: 'é', of: 2, rows: [{ a: 1 }] }, undefined, 2),
      undefined,
      /whose "rows" has a list/,
    ],
    ['one.json', JSON.stringify({ prompt: 'a', completion: 'b' }, undefined, 2), undefined, /here this is an object\./],
    [
      'line.json',
      JSON.stringify({ train: [{ prompt: 'a', completion: 'b' }] }),
      // none can be chosen
      undefined,
      /the rows in "train" must be a list at the top level/,
    ],
    ['cut.json', '[', undefined, /./],
    ['bare.jsonl', '{}\n', undefined, /its fields \(none\)/],
    ['own.jsonl', 'oops\n{"question": "a", "answer": "b"}\n', 'columns', /not JSON/],
    ['lists.jsonl', `${JSON.stringify(TURNS)}\n`.repeat(2), undefined, /each line is a list of messages/],
    // A conversation is a row, and its messages are none.
    [
      'turns.jsonl',
      JSON.stringify({ thread: TURNS }),
      'columns',
      /its fields \("thread"\) match no row format \([\w, ]+\)\.$/,
    ],
    ['chat.jsonl', JSON.stringify({ chat: TURNS }), 'columns', /"columns": \{"messages":"chat"\} may be meant\.$/],
    // No column can be chosen of a conversation in pairs, and there are no rows in it.
    [
      'pairs.jsonl',
      JSON.stringify({ conversation: [PAIR, PAIR] }),
      undefined,
      /^its only row .*: the turns in "conversation" have no role \(their keys: "human", "assistant"\): write each as a message/,
    ],
    [
      'pairs2.jsonl',
      JSON.stringify({ conversations: [PAIR] }),
      undefined,
      /message 1 has no role \(its keys: "human", "assistant"\): write \{"role": "user"/,
    ],
    [
      'pairs3.jsonl',
      JSON.stringify({ messages: [PAIR] }),
      undefined,
      /message 1 has no role \(its keys: "human", "assistant"\)/,
    ],
    [
      'pairs4.jsonl',
      JSON.stringify({ source: 'a', conversation: [{ input: 'Hi', output: 'Hello' }] }),
      undefined,
      /the turns in "conversation" have no role \(their keys: "input", "output"\): write/,
    ],
    [
      'texts.jsonl',
      JSON.stringify({ conversations: ['Hi', 'Hello'] }),
      undefined,
      /message 1 is not an object: write \{"role": "user"/,
    ],
    [
      'values.jsonl',
      JSON.stringify({ messages: [{ role: 'user', value: 'Hi' }] }),
      undefined,
      /message 1 has no "content"/,
    ],
    [
      'contents.jsonl',
      JSON.stringify({ conversations: [{ from: 'human', content: 'Hi' }] }),
      undefined,
      /message 1 has no "value" \(its keys: "from", "content"\)/,
    ],
    [
      'lists2.jsonl',
      JSON.stringify({ conversations: { from: ['human'], value: ['Hi'] } }),
      undefined,
      /"conversations" is an object with lists \("from", "value"\), not a list of objects/,
    ],
    [
      'text.jsonl',
      JSON.stringify({ messages: JSON.stringify(TURNS) }),
      undefined,
      /"messages" is the text of a list: write the list itself/,
    ],
    ['own.csv', 'question,answer\na,b\n', 'columns', /match no row format/],
  ];
  for (const [name, content, code, message] of cases)
    test(name, async (t) => {
      const file = join(await temporary(t), name);
      await writeFile(file, content);
      await assert.rejects(inspectData(file), (error) => {
        assert.ok(error instanceof HumanError);
        assert.match(error.message, message);
        assert.equal(error.code, code);
        if (name === 'own.csv') assert.match(error.remedy!, /"columns" in a recipe, --columns on the command line/);
        return true;
      });
    });
});

test('the reason of a row that is no JSON names no line but that of the file', async (t) => {
  const file = join(await temporary(t), 'cut.jsonl');
  await writeFile(file, '{"a":1}\n{"a":\n');
  const parse = JSON.parse;
  t.mock.method(JSON, 'parse', (text: string) => {
    if (text === '{"a":') throw new SyntaxError('Unexpected end in JSON at position 5 (line 1 column 6)');
    return parse(text) as unknown;
  });
  const rows: string[] = [];
  for await (const row of readRows(file))
    rows.push('value' in row ? `${row.line}:${JSON.stringify(row.value)}` : `${row.line}!${row.reason}`);
  assert.deepEqual(rows, ['1:{"a":1}', '2!this line is not JSON: Unexpected end in JSON at position 5']);
});
