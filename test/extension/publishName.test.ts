/** Publishing asks for the name of the repository, and takes no name that nobody has given. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { window } from './fake/vscode.js';

const { publish } = await import('../../extension/commands/publish.js');

test('what stands in the box at first is no name of a repository', async (t) => {
  const before = window.createInputBox;
  t.after(() => (window.createInputBox = before));
  let accept = (): void => undefined;
  const nothing = () => ({ dispose: () => undefined });
  const box = {
    ...{ value: '', prompt: '', validationMessage: '' },
    ...{ onDidHide: nothing, onDidTriggerButton: nothing, onDidChangeValue: nothing },
    onDidAccept: (listener: () => void) => ((accept = listener), nothing()),
    show: () => undefined,
    dispose: () => undefined,
  };
  window.createInputBox = () => box;
  const services = { assertTrusted: () => undefined, secrets: { get: async () => 'hf_x' } };
  void publish(services as never, { folder: '/w/adapters/colours', isPublic: false });
  for (let i = 0; i < 1500 && box.prompt === ''; i++) await new Promise((done) => setTimeout(done, 5));
  assert.equal(box.prompt, 'Repository: owner/name');
  assert.match(box.value, /colours$/);
  accept();
  assert.equal(box.validationMessage, 'Give it as owner/name.');
});
