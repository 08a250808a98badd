/** What is read of a row, before a model sees it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidRow } from '../../runtime/data/invalidRow.js';
import { isAnswered } from '../../runtime/data/rowContent.js';
import { formatAsRead, readContent, unknownFields, type RowFormat } from '../../runtime/data/schemas.js';

const MESSAGES = [
  { role: 'user', content: 'Hi' },
  { role: 'assistant', content: 'Hello' },
];
const refused = (row: Record<string, unknown>, format: RowFormat, reason: RegExp): void => {
  assert.throws(
    () => readContent(row, format),
    (error) => error instanceof InvalidRow && reason.test(error.message),
    JSON.stringify(row),
  );
};
const withFields = (user: object, assistant: object) => ({
  messages: [{ ...MESSAGES[0], ...user }, { ...MESSAGES[1], ...assistant }], // oxfmt-ignore
});

test('what would change a conversation and is not read refuses the row', () => {
  const answer = (fields: object) => withFields({}, fields);
  const rows: [row: Record<string, unknown>, reason: RegExp][] = [
    [answer({ tool_calls: [{ id: '1' }] }), /"tool_calls" of message 2 has a call without a name/],
    [answer({ tool_calls: 'f()' }), /"tool_calls" of message 2 is not JSON/],
    [answer({ tool_calls: { name: 'f' } }), /"tool_calls" of message 2 is not a list/],
    [answer({ tool_calls: [{ name: 'f', arguments: '{"a": ' }] }), /what "arguments" of "f" says is not JSON/],
    [answer({ function_call: { name: 'f', arguments: [1] } }), /the arguments of "f" are no object/],
    [answer({ function_call: { name: 'f' }, tool_calls: [{ name: 'f' }] }), /has "tool_calls" and "function_call"/],
    [withFields({ tool_calls: [{ name: 'f' }] }, {}), /message 1 calls a tool, and is not the assistant's/],
    [withFields({ role: 'critic' }, {}), /message 1 has the role "critic"; system, user, assistant and tool are known/],
    [answer({ content: null }), /the content of message 2 is not text/],
    [answer({ weight: 0.5 }), /message 2 has "weight" \(0.5\)/],
    [answer({ train: 'no' }), /message 2 has "train" \("no"\)/],
    [answer({ reasoning_content: 'Because.' }), /message 2 has "reasoning_content"/],
    [{ messages: MESSAGES, tools: [{ type: 'function' }] }, /entry 1 of "tools" is no function with a name/],
    [{ messages: MESSAGES, tools: "[{'name': 'f'}]" }, /"tools" is not JSON/],
    [{ messages: MESSAGES, tools: { name: 'f' } }, /"tools" is not a list/],
    [{ messages: MESSAGES, tools: [{ name: 'f' }], functions: [{ name: 'f' }] }, /has "tools" and "functions"/],
    [{ messages: MESSAGES, chat_template_kwargs: { enable_thinking: false } }, /the row has "chat_template_kwargs"/],
    [{ messages: MESSAGES, chat_template_kwargs: '{"enable_thinking": false}' }, /the row has "chat_template_kwargs"/],
    [{ messages: [{ role: 'system', content: 'a' }, ...MESSAGES], system: 'b' }, /and a system message/],
    [{ messages: '[]' }, /"messages" is the text of a list: write the list itself/],
  ];
  for (const [row, reason] of rows) refused(row, 'messages', reason);
  refused({ instruction: 'Hi', output: 'Hello', history: [['a', 'b']] }, 'alpaca', /"history"/);
  refused({ prompt: 'Hi', completion: 'Hello', functions: [{}] }, 'completion', /entry 1 of "functions"/);
  const expected = readContent({ messages: MESSAGES }, 'messages');
  assert.deepEqual(readContent(answer({ tool_calls: [], weight: null, name: 'x' }), 'messages'), expected);
  for (const empty of [[], {}, '[]', '{}', null, { enable_thinking: null }])
    assert.deepEqual(
      readContent({ messages: MESSAGES, tools: [], functions: empty, chat_template_kwargs: empty }, 'messages'),
      expected,
    );
});

test('what would change which tokens are learned is read or refused', () => {
  const ids = [1, 2, 300, 400];
  const row = (more: object) => ({ input_ids: ids, ...more });
  const expected = readContent(row({}), 'tokens');
  for (const name of ['completion_mask', 'assistant_masks', 'loss_mask']) {
    for (const all of [[1, 1, 1, 1], [true, true, true, true], null]) assert.deepEqual(readContent(row({ [name]: all }), 'tokens'), expected); // oxfmt-ignore
    refused(row({ [name]: [0, 0, 1, 1] }), 'tokens', new RegExp(`"${name}" is not read: write "labels"`));
    const labels = [-100, -100, 300, 400];
    assert.deepEqual(readContent(row({ labels, [name]: [0, 0, 1, 1] }), 'tokens'), readContent(row({ labels }), 'tokens')); // oxfmt-ignore
    refused(row({ labels, [name]: [0, 1, 1, 1] }), 'tokens', new RegExp(`"${name}" is not read`));
  }
  const one = { position_ids: [0, 1, 2, 3], seq_lengths: [4], seq_idx: [0, 0, 0, 0], cu_seqlens: [0, 4] };
  assert.deepEqual(readContent(row(one), 'tokens'), expected);
  // Padding says nothing.
  const padded = { attention_mask: [1, 1, 1, 1, 0], position_ids: [0, 1, 2, 3, 1], completion_mask: [1, 1, 1, 1, 0] };
  assert.deepEqual(readContent({ ...padded, input_ids: [...ids, 0] }, 'tokens'), expected);
  const two = { position_ids: [0, 1, 0, 1], seq_lengths: [2, 2], seq_idx: [0, 0, 1, 1], cu_seqlens: [0, 2, 4] };
  for (const [name, packed] of Object.entries(two)) refused(row({ [name]: packed }), 'tokens', new RegExp(`"${name}" says that rows are packed`)); // oxfmt-ignore
  const part = [{ begin_offset: 0, end_offset: 3, train: false }];
  const whole = readContent({ messages: MESSAGES }, 'messages');
  for (const [name, value] of Object.entries({ train_detail: part, training_detail: part, mask: true, ignore: 1 })) {
    refused(withFields({}, { [name]: value }), 'messages', new RegExp(`message 2 has "${name}"`));
    assert.deepEqual(readContent(withFields({}, { [name]: Array.isArray(value) ? [] : false }), 'messages'), whole);
  }
});

test('a weight says whether an answer is learned; what others say never is', () => {
  const expected = readContent({ messages: MESSAGES }, 'messages');
  for (const name of ['weight', 'train', 'training', 'trainable', 'loss'])
    for (const [no, yes] of [
      [0, 1],
      [false, true],
    ]) {
      assert.deepEqual(readContent(withFields({ [name]: no }, { [name]: yes }), 'messages'), expected);
      refused(withFields({ [name]: yes }, {}), 'messages', new RegExp(`message 1 has "${name}"`));
      const unlearned = readContent(withFields({}, { [name]: no }), 'messages');
      assert.deepEqual(unlearned, { ...expected, unlearned: [1] });
      assert.equal(isAnswered(unlearned), false);
    }
  // As in Open-Orca/SlimOrca.
  const conversations = [
    { from: 'system', value: 'Be kind.', weight: 0 },
    { from: 'human', value: 'Hi', weight: 0 },
    { from: 'gpt', value: 'Hello', weight: 1 },
  ];
  assert.deepEqual(
    readContent({ conversations }, 'sharegpt'),
    readContent({ messages: [{ role: 'system', content: 'Be kind.' }, ...MESSAGES] }, 'messages'),
  );
});

test('messages that stand where rows are expected are told what a row is', () => {
  assert.match(unknownFields({ role: 'user', content: 'Hi' }), /^it is a message of its own; a row is a conversation/);
  assert.match(unknownFields({ from: 'human', value: 'Hi' }), /^it is a message of its own/);
  // As in OASST: a row is a node of a tree of messages, not a text.
  const node = { message_id: '2', parent_id: '1', text: 'Hi', role: 'prompter' };
  assert.match(unknownFields(node), /^it is a message of its own/);
  for (const names of [undefined, Object.keys(node)]) {
    assert.equal(formatAsRead({ row: 0, line: 1, value: node, names }), undefined);
    assert.equal(formatAsRead({ row: 0, line: 1, value: { ...node, role: 'poem' }, names }), 'text');
  }
  for (const row of [
    { content: 'Hi' },
    { from: 'a@example.org', to: 'b@example.org', value: 'x' },
    { role: 'nurse', content: 'x' },
  ])
    assert.match(unknownFields(row), /match no row format/);
});
