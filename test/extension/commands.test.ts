/** Whatever a command is called with, it gets its own argument or an error that says what it takes. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandArgument } from '../../extension/commands/arguments.js';
import { COMMAND_ARGUMENTS } from '../../extension/host/commandArguments.js';
import { COMMANDS, type CommandName } from '../../extension/host/contributions.js';
import { HostError } from '../../extension/host/errors.js';
import { Uri } from './fake/vscode.js';

const { commandLink } = await import('../../extension/host/commandLink.js');
const names = Object.keys(COMMANDS) as CommandName[];
const uri = Uri.file('/w/a');

test('a path, a Uri of a menu and a row of a view are what the command is about', () => {
  for (const path of ['/w/a', uri, { file: '/w/a' }, { data: '/w/a' }]) {
    assert.deepEqual(commandArgument('runRecipe', path), { file: '/w/a' });
    assert.deepEqual(commandArgument('addModel', path), { path: '/w/a' });
    assert.deepEqual(commandArgument('chat', path), { model: '/w/a' });
    assert.deepEqual(commandArgument('openRun', path), { run: '/w/a' });
    assert.deepEqual(commandArgument('trainVector', path), { harmful: '/w/a' });
    assert.deepEqual(commandArgument('fineTunePlain', path), { data: '/w/a' });
    assert.deepEqual(commandArgument('scan', path), { file: '/w/a' });
  }
  assert.deepEqual(commandArgument('openRun', { run: '/w/a' }), { run: '/w/a' });
  assert.deepEqual(commandArgument('evaluate', { model: '/w/m' }), { model: '/w/m' });
  const adapter = { model: '/w/m', adapter: '/w/v' };
  for (const name of ['attach', 'detach', 'exportAdapter', 'fineTuneProtected'] as const)
    assert.deepEqual(commandArgument(name, adapter), adapter);
  assert.deepEqual(commandArgument('downloadModel', 'owner/name'), { repository: 'owner/name' });
});

test('what a menu passes beside it is not meant, named choices are', () => {
  assert.deepEqual(commandArgument('scan', uri, [uri, uri]), { file: '/w/a' });
  assert.deepEqual(commandArgument('runRecipe', uri, { groupId: 0, editorIndex: 1 }), { file: '/w/a' });
  assert.deepEqual(commandArgument('scan', uri, { model: '/w/m', vector: '/w/v' }), {
    file: '/w/a',
    model: '/w/m',
    vector: '/w/v',
  });
  assert.deepEqual(commandArgument('attach', { model: '/w/m', adapter: '/w/v' }, { confirmed: true }), {
    model: '/w/m',
    adapter: '/w/v',
    confirmed: true,
  });
});

test('the title of a view passes the row that has the focus: it is nothing to a command that is not about it', () => {
  const rows = { models: [{ model: '/w/m' }, { model: '/w/m', adapter: '/w/v' }], data: [], runs: [{ run: '/w/r' }] };
  for (const row of rows.models)
    for (const name of ['addModel', 'downloadModel', 'openSample', 'setHubToken', 'openWalkthrough'] as const)
      assert.deepEqual(commandArgument(name, row), {}, name);
  for (const row of rows.runs)
    for (const name of ['trainVector', 'fineTuneProtected', 'fineTunePlain', 'runRecipe', 'showLog'] as const)
      assert.deepEqual(commandArgument(name, row), {}, name);
  for (const name of names) {
    assert.deepEqual(commandArgument(name, { problem: '/w/broken.json' }), {}, name);
    for (const none of [undefined, null]) assert.deepEqual(commandArgument(name, none), {}, name);
  }
});

test('what a command does not take is an error that names the key and what it takes', () => {
  const faults: [CommandName, unknown, RegExp][] = [
    ['scan', { file: '/w/a', vektor: '/w/v' }, /takes no "vektor".* It takes: file, model, vector, columns\.$/],
    ['exportAdapter', { model: '/w/m', format: 'pdf' }, /"format" has a value/],
    ['fineTuneProtected', { data: '/w/a', vectors: '/w/v' }, /"vectors" has a value/],
    ['fineTunePlain', { evaluate: [{ name: 'a', file: '/w/a', measure: 'luck' }] }, /"evaluate.0.measure" has a value/],
    ['fineTunePlain', { strengthened: 'yes' }, /"strengthened" has a value/],
    ['openRun', { run: 3 }, /"run" has a value/],
    ['openRun', 3, /called with this number/],
    ['openRun', [], /called with this object/],
    ['attach', uri, /called with this object/],
    ['runRecipe', '', /"file" has a value/],
  ];
  for (const [name, argument, expected] of faults)
    assert.throws(
      () => commandArgument(name, argument),
      (error) => {
        assert.ok(error instanceof HostError);
        assert.equal(error.data.place, COMMANDS[name]);
        assert.match(`${error.data.message} ${error.data.remedy}`, expected);
        return error.data.kind === 'input';
      },
    );
});

test('every command has its argument, and a link carries it', () => {
  assert.deepEqual(Object.keys(COMMAND_ARGUMENTS), names);
  const link = commandLink('scan', 'Scan', { file: '/w/a', vector: '/w/v' });
  assert.equal(link.command, COMMANDS.scan);
  assert.deepEqual(commandArgument('scan', ...(link.arguments ?? [])), { file: '/w/a', vector: '/w/v' });
});
