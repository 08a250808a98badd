/** Files that no choice of columns makes readable: the wizards say why, and ask nothing. */
import './fake/useFakeVscode.js';
import './fake/vscode.js';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HostError } from '../../extension/host/errors.js';
import { previewData } from '../../runtime/data/preview.js';
import { openTokenizer } from '../../runtime/models/openTokenizer.js';
import { MODEL, person, workspace } from './dataWizard.js';
import { lines } from './support.js';

const { askData } = await import('../../extension/commands/dataSource.js');

const question = 'Which data?';
const QA = { prompt: 'question', completion: 'answer' };
const rows = (row: object): string => `${JSON.stringify(row)}\n`.repeat(3);

describe('what is wrong is said instead of a question about columns', () => {
  const answered = { prompt: 'buy 3 lamps .', completion: 'order : 3 lamps' };
  const critic = { messages: [{ role: 'critic', content: 'x' }] };
  const cases: [name: string, content: string, message: RegExp, line?: number][] = [
    ['python.jsonl', "{'prompt': 'a', 'completion': 'b'}\n", /this line is not JSON/, 1],
    ['empty.jsonl', '', /the data set is empty/],
    ['empty.csv', 'question,answer\n', /the data set is empty/],
    ['damaged.jsonl', `oops\n[1]\n"x"\n${'oops\n'.repeat(4)}${rows(answered)}`, /this line is not JSON/, 1],
    ['role.jsonl', lines([critic]), /^message 1 has the role "critic"/, 1],
    ['roles.jsonl', rows(critic), /^none of the rows looked at can be used; the first: .*the role "critic"/, 1],
    ['prompts.jsonl', rows({ prompt: 'buy 3 lamps .' }), /^none of the rows .*the row has no answer/, 1],
  ];
  for (const [name, content, message, line] of cases)
    test(name, async (t) => {
      const { services, at } = await workspace(t, { [name]: content });
      await assert.rejects(askData(services, person([]).ask, { question, model: MODEL, file: at(name) }), (error) => {
        assert.ok(error instanceof HostError);
        assert.match(error.message, message);
        assert.equal(error.data.place, line === undefined ? at(name) : `${at(name)}:${line}`);
        return true;
      });
    });

  test('of a file that is empty or damaged for a moment the columns that were chosen stay', async (t) => {
    const { services, at } = await workspace(t, { 'qa.csv': '', 'qa.jsonl': 'oops\n' });
    for (const file of ['qa.csv', 'qa.jsonl'].map(at)) {
      await services.mappings.set(file, QA);
      await assert.rejects(askData(services, person([]).ask, { question, model: MODEL, file }), HostError);
      assert.deepEqual(services.mappings.get(file), QA);
    }
  });

  test('it stands beside the question where another column may be meant', async (t) => {
    const { services, at } = await workspace(t, { 'critics.jsonl': rows({ ...critic, dialog: 'buy 3 lamps .' }) });
    const { ask, asked } = person(['A text', 'dialog', 'Use these columns']);
    await askData(services, ask, { question, model: MODEL, file: at('critics.jsonl') });
    assert.match(asked[0]!.question, /^critics\.jsonl: .*the role "critic".*\. What are its rows\?$/);
  });

  test('also where the other column has the name of a field of another format', async (t) => {
    const { services, at } = await workspace(t, {
      'proposed.jsonl': rows({ prompt: 'buy 3 lamps .', output: 'order : 3 lamps' }),
      'chosen.jsonl': rows({ prompt: 'buy 3 lamps .', text: 'order : 3 lamps' }),
    });
    const proposed = person(['Use these columns']);
    const [file, other] = [at('proposed.jsonl'), at('chosen.jsonl')];
    const found = await askData(services, proposed.ask, { question, model: MODEL, file });
    assert.deepEqual(found.columns, { completion: 'output' });
    const chosen = person(['A prompt and an answer', 'prompt', 'text', 'Use these columns']);
    const said = await askData(services, chosen.ask, { question, model: MODEL, file: other });
    assert.deepEqual(said.columns, { prompt: 'prompt', completion: 'text' });
  });

  test('where another column may be meant it is asked for', async (t) => {
    const { services, at } = await workspace(t, { 'own.csv': 'id,prompt,Wir\n1,buy 3 lamps .,order : 3 lamps\n' });
    const { ask } = person(['A prompt and an answer', 'prompt', 'Wir', 'Use these columns']);
    const { columns } = await askData(services, ask, { question, model: MODEL, file: at('own.csv') });
    assert.deepEqual(columns, { prompt: 'prompt', completion: 'Wir' });
  });
});

describe('a row that cannot be used among others that can asks nothing, and proposes nothing', () => {
  const long = { prompt: 'buy 3 lamps .', completion: 'order : '.repeat(2000) };
  const well = { prompt: 'buy 3 lamps .', completion: 'order : 3 lamps' };
  const cases: [name: string, first: object[]][] = [
    ['long.jsonl', [well, long, well]],
    ['allLong.jsonl', [long, long, long, well]],
    [
      'empty.jsonl',
      [
        { instruction: 'buy', output: 'order', response: 'no' },
        { instruction: 'buy', output: '', response: 'no' },
      ],
    ],
  ];
  for (const [name, content] of cases)
    test(name, async (t) => {
      const { services, at } = await workspace(t, { [name]: lines(content) });
      const file = at(name);
      assert.deepEqual(await askData(services, person([]).ask, { question, model: MODEL, file }), { file });
      const { suggested } = await previewData({ path: file, ...(await openTokenizer(MODEL.path)) });
      assert.equal(suggested, null);
    });

  test('nor do names that are those of a format already', async (t) => {
    const { at } = await workspace(t, { 'none.jsonl': lines([{ prompt: 'buy', completion: '' }]) });
    assert.equal((await previewData({ path: at('none.jsonl') })).suggested, null);
  });
});
