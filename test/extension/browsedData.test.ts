/** The list of data in the training panel is not all there is: any other file is found by the system's dialog. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { OTHER_FILE } from '../../webview/protocol/training.js';
import { trainingForm } from '../../extension/views/trainingState.js';
import { Uri, window } from './fake/vscode.js';
import { opened } from './trainingPanel.js';
import { known, written } from './trainingRecipe.js';

test('a missing data file can be replaced at once; the list ends with what it does not have', () => {
  const { form, notices } = trainingForm(written(), known({ exists: (path) => !path.includes('train.jsonl') }));
  assert.deepEqual(
    notices[0]?.buttons.map(({ action, label }) => [action, label]),
    [['browseData', 'Choose a data file…'], ['openFile', 'Open recipe']], // oxfmt-ignore
  );
  assert.deepEqual(form.fields.data.choices.at(-1), { value: OTHER_FILE, label: 'Browse…' });
});

test('the file that is chosen becomes the data of the recipe; who leaves the dialog changes nothing', async (t) => {
  const panel = await opened(t);
  const file = join(panel.root, 'elsewhere.jsonl');
  await writeFile(file, '{"prompt":"a","completion":"b"}\n');
  const dialogs = window as { showOpenDialog?: unknown };
  t.after(() => delete dialogs.showOpenDialog);
  const before = await panel.read('protected');
  dialogs.showOpenDialog = async () => undefined;
  const left = await panel.ask({ type: 'choose', key: 'data', value: OTHER_FILE });
  assert.deepEqual([left.kind, await panel.read('protected')], ['cancelled', before]);
  dialogs.showOpenDialog = async () => [Uri.file(file)];
  await panel.ask({ type: 'choose', key: 'data', value: OTHER_FILE });
  assert.match(await panel.read('protected'), /"data": \{ "file": "\.\.\/elsewhere\.jsonl" \}/);
  await panel.ask({ type: 'choose', key: 'data', value: join(panel.root, 'data/train.jsonl') });
  await panel.ask({ type: 'act', action: 'browseData' });
  assert.match(await panel.read('protected'), /elsewhere\.jsonl/);
});
