/**
 * Another data file for a recipe, chosen in the training panel: what the recipe says of the rows is true of the new
 * file.
 */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { applyEdits } from 'jsonc-parser';
import type { ReadAs } from '../../runtime/contract/mapping.js';
import { Reviews } from '../../extension/data/reviews.js';
import { setData } from '../../extension/runs/recipeEdit.js';
import { chosenData, readWritten, trainingForm } from '../../extension/views/trainingState.js';
import { write } from './support.js';
import { opened } from './trainingPanel.js';
import { FILE, known, TEXT, written } from './trainingRecipe.js';

const QA = { prompt: 'question', completion: 'answer' };
const CSV = 'question,answer\nbuy 3 lamps .,order : 3 lamps\n';
const SAID = '{ "file": "../data/old.csv", "format": "text", "columns": { "text": "a" }, "exclude": "reviewed" }';

test('what a recipe says of the old file goes, and what is known of the new one comes', () => {
  const change = (data: string, reading?: ReadAs, reviewed = false): string => {
    const text = TEXT.replace('{ "file": "../data/train.jsonl" }', data);
    const edited = applyEdits(text, chosenData(text, FILE, { file: '/w/data/new.csv', ...reading, reviewed }));
    assert.ok(readWritten(edited, FILE).recipe, edited);
    const [before, after] = TEXT.split('{ "file": "../data/train.jsonl" }');
    assert.ok(edited.startsWith(before!) && edited.endsWith(after!), edited);
    return edited.slice(before!.length, -after!.length);
  };
  const plain = '{ "file": "../data/old.csv" }';
  assert.equal(change(plain), '{ "file": "../data/new.csv" }');
  assert.equal(change(SAID), '{ "file": "../data/new.csv" }');
  assert.equal(
    change(plain, { columns: QA }, true),
    '{ "file": "../data/new.csv", "columns": {"prompt":"question","completion":"answer"}, "exclude": "reviewed" }',
  );
  assert.equal(
    change(SAID, { columns: QA }, true),
    '{ "file": "../data/new.csv", "columns": {"prompt":"question","completion":"answer"}, "exclude": "reviewed" }',
  );
  assert.equal(
    change('{ "exclude": "reviewed", "limit": 9, "file": "../data/old.csv" }'),
    '{ "limit": 9, "file": "../data/new.csv" }',
  );
  assert.equal(change(SAID, { format: 'sharegpt' }), '{ "file": "../data/new.csv", "format": "sharegpt" }');
  // The file that it is: only what was not known of it.
  assert.equal(change('{ "file": "../data/new.csv", "format": "completion" }'), '{ "file": "../data/new.csv", "format": "completion" }'); // oxfmt-ignore
});

test('keys in lines of their own come and go as lines; comments stay', () => {
  const text = '{\n  "data": {\n    "file": "a", // why\n    "columns": { "text": "b" }, // which\n    "exclude": "reviewed"\n  },\n}'; // oxfmt-ignore
  assert.equal(
    applyEdits(text, setData(text, { file: '"c"', columns: undefined, exclude: undefined })),
    '{\n  "data": {\n    "file": "c" // why\n    // which\n  },\n}',
  );
  const short = '{\r\n  "data": {\r\n    "file": "a"\r\n  }\r\n}';
  assert.equal(
    applyEdits(short, setData(short, { file: '"a"', exclude: '"reviewed"' })),
    '{\r\n  "data": {\r\n    "file": "a",\r\n    "exclude": "reviewed"\r\n  }\r\n}',
  );
});

test('nothing starts until it is known which columns are what', () => {
  const shown = (more: object, text = TEXT) => {
    const { form, notices } = trainingForm(written(text), known(more));
    return [form.canStart, ...notices.flatMap(({ buttons }) => buttons.map(({ action }) => action))];
  };
  assert.deepEqual(shown({}), [true]);
  assert.deepEqual(shown({ counted: () => ({ unmapped: 'no known format' }) }), [false, 'columns']);
  // Somebody has said it, but not in the recipe, by which a run reads.
  const mapped = { readAs: () => ({ columns: QA }) };
  assert.deepEqual(shown(mapped), [false, 'columns']);
  const says = TEXT.replace('train.jsonl" }', `train.jsonl", "columns": ${JSON.stringify(QA)} }`);
  assert.deepEqual(shown(mapped, says), [true]);
  const named = TEXT.replace('train.jsonl" }', 'train.jsonl", "format": "completion" }');
  assert.deepEqual(shown(mapped, named), [true]);
  // By the first format that they fit, rows can be read in any case.
  const format = { readAs: () => ({ format: 'completion' }) };
  assert.deepEqual(shown(format), [true, 'columns']);
  assert.deepEqual(shown(format, named), [true]);
});

test('a file whose columns nobody has named is asked about before the recipe names it', async (t) => {
  const asked: unknown[] = [];
  let answer = (): ReadAs => ({ columns: QA });
  const panel = await opened(t, {
    readAs: async (file, model) => {
      asked.push([file, model]);
      return answer();
    },
  });
  const file = join(panel.root, 'data/mine.csv');
  await writeFile(file, CSV);
  await panel.ask({ type: 'drop', uris: `file://${file}` });
  assert.match(
    await panel.read('protected'),
    /"data": \{ "file": "\.\.\/data\/mine\.csv", "columns": \{"prompt":"question","completion":"answer"\} \}/,
  );
  assert.deepEqual(asked, [[file, undefined]]);
  answer = () => ({ format: 'completion' });
  await panel.ask({ type: 'choose', key: 'data', value: file });
  assert.match(await panel.read('protected'), /"data": \{ "file": "\.\.\/data\/mine\.csv", "format": "completion" \}/);
  asked.pop();
  answer = () => ({});
  await panel.ask({ type: 'choose', key: 'data', value: join(panel.root, 'data/train.jsonl') });
  assert.match(await panel.read('protected'), /"data": \{ "file": "\.\.\/data\/train\.jsonl" \}/);
});

test('the review of a file comes with it', async (t) => {
  const panel = await opened(t, { reviewed: ['train.jsonl'] });
  await panel.ask({ type: 'choose', key: 'data', value: join(panel.root, 'data/benign.jsonl') });
  assert.doesNotMatch(await panel.read('protected'), /exclude/);
  await panel.ask({ type: 'choose', key: 'data', value: join(panel.root, 'data/train.jsonl') });
  assert.match(
    await panel.read('protected'),
    /"data": \{ "file": "\.\.\/data\/train\.jsonl", "exclude": "reviewed" \}/,
  );
});

test('the button of a recipe that does not say its columns writes them', async (t) => {
  const panel = await opened(t, { readAs: async () => ({ columns: QA }) });
  await panel.ask({ type: 'act', action: 'columns' });
  assert.match(
    await panel.read('protected'),
    /train\.jsonl", "columns": \{"prompt":"question","completion":"answer"\} \}/,
  );
});

test('a review that cannot be read is told once, and the panel comes to rest', async (t) => {
  const { root, problems, ask, bugs } = await opened(t, { reviews: (found) => new Reviews(found) });
  let told = 0;
  problems.onDidChange(() => told++);
  const file = await write(join(root, 'data/train.jsonl.review.json'), '<<<<<<< HEAD\n{}');
  await ask({ type: 'ready' });
  // Long enough for it to be drawn anew some times, if it were.
  await sleep(400);
  assert.deepEqual([told, problems.list('data'), bugs], [1, [file], []]);
});
