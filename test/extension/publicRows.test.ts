/** A vector of rows that somebody else has published is offered where rows are asked for. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commands, fake, Uri, workspace } from './fake/vscode.js';

const { trainVector } = await import('../../extension/commands/training.js');

test('who has no harmful rows of their own goes on with a public set, for the model that was chosen', async (t) => {
  const before = { answer: fake.answer, execute: commands.executeCommand };
  workspace.workspaceFolders = [{ uri: Uri.file('/w') }] as never;
  t.after(() => {
    fake.answer = before.answer;
    commands.executeCommand = before.execute;
    workspace.workspaceFolders = undefined;
  });
  const asked: string[] = [];
  fake.answer = (question) => {
    asked.push(question);
    return question === 'Which model?' ? 'second' : 'Rows of a public set…';
  };
  const called: unknown[] = [];
  commands.executeCommand = async (...given: unknown[]) => void called.push(given);
  const model = (name: string) => ({ path: `/w/${name}`, name, adapters: [] });
  const services = {
    assertTrusted: () => undefined,
    files: { dataFiles: () => [] },
    inspector: { get: () => undefined },
    mappings: { get: () => undefined },
    models: { list: () => [model('first'), model('second')] },
    recipes: { list: () => [], isEvaluationSet: () => false },
    scans: { get: () => undefined },
  };
  await trainVector(services as never, {});
  assert.deepEqual(asked, ['Which model?', 'Which rows show the harmful behaviour?']);
  assert.deepEqual(called, [['securityVectors.trainPublic', { model: '/w/second' }]]);
});
