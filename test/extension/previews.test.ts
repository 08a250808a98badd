/** Documents with rows as the model reads them: one that is open shows what was read last. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DataPreview } from '../../runtime/contract/dataInfo.js';
import { fake, workspace, type TextDocument } from './fake/vscode.js';

const { previewDocuments, showPreview } = await import('../../extension/data/previews.js');

const previewOf = (...texts: string[]): DataPreview => ({
  ...{ path: '/w/train.jsonl', format: 'completion', columns: ['prompt', 'completion'], suggested: null },
  rows: texts.map((text, i) => ({ line: i + 1, cells: {}, parts: [{ text, supervised: true }] })),
});
const opened = workspace.textDocuments as TextDocument[];
const model = { path: '/w/m', name: 'm' };

test('an open document of rows shows those that were read last; one that was closed is read anew', async (t) => {
  const documents = previewDocuments();
  t.after(() => documents.dispose());
  await showPreview(previewOf('sure .'), model, undefined);
  await showPreview(previewOf('other model'), { path: '/w/n', name: 'n' }, undefined);
  assert.equal(opened.length, 2, 'one for each model');
  const [document] = opened;
  assert.match(document!.getText(), /⟦sure \.⟧/);
  await showPreview(previewOf('i cannot .', 'order : 3 lamps'), model, undefined);
  assert.equal(opened.length, 2);
  assert.match(document!.getText(), /⟦i cannot \.⟧\n\n──── line 2\n\n⟦order : 3 lamps⟧/);
  assert.match(opened[1]!.getText(), /⟦other model⟧/);
  opened.splice(0, 1);
  await fake.closed.fire(document);
  await showPreview(previewOf('neither'), model, undefined);
  assert.match(opened[1]!.getText(), /⟦neither⟧/);
});
