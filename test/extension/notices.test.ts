/** The buttons of a message are known by what they are, not by what they are called in some language. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type * as vscode from 'vscode';
import type { ErrorData } from '../../runtime/contract/errors.js';
import { Cancelled, HostError, inputError, noFolder, noModel, noVector } from '../../extension/host/errors.js';
import { commands, fake } from './fake/vscode.js';
import { temporary, write } from './support.js';

const { createNotices, describe } = await import('../../extension/host/notices.js');
const { isAgreed, withProgress } = await import('../../extension/host/messages.js');
const log = { error: () => undefined, show: () => undefined } as unknown as vscode.LogOutputChannel;

test('of two buttons with the same title, the one that was chosen acts', async () => {
  const done: string[] = [];
  const button = (name: string) => ({ title: 'Öffnen', run: () => void done.push(name) });
  fake.choose = (buttons) => buttons[1];
  createNotices(log, () => undefined).info('', button('the run'), button('the file'));
  await nextTurn();
  assert.deepEqual(done, ['the file']);
});

test('a button that fails says why, and a person who leaves what it asks is told nothing', async () => {
  const notices = createNotices(log, () => undefined);
  const pressed = async (run: () => unknown): Promise<string[]> => {
    fake.said.length = 0;
    fake.choose = ([first]) => (fake.said.length === 1 ? first : undefined);
    notices.info('made.', { title: 'Run it', run });
    await sleep(10);
    return fake.said.slice(1);
  };
  const refused = inputError('this is not JSON: comma expected.', { place: 'x.json:7', remedy: 'Correct the line.' });
  const fail = (error: Error) => () => {
    throw error;
  };
  const text = 'x.json:7: this is not JSON: comma expected. Correct the line.';
  assert.deepEqual(await pressed(fail(refused)), [text]);
  assert.deepEqual(await pressed(() => Promise.reject(refused)), [text]);
  assert.deepEqual(await pressed(fail(new Cancelled())), []);
});

test('a file that a place names and that is not found is no button that does nothing', async () => {
  fake.said.length = 0;
  fake.choose = ([first]) => (fake.said.length === 1 ? first : undefined);
  createNotices(log, () => undefined).error(inputError('this is not JSON.', { place: 'gone.json:7' }));
  await sleep(10);
  assert.deepEqual(fake.said.slice(1), ['"gone.json" is nowhere in this workspace. Open the folder that it lies in.']);
});

test('a file is offered to be opened where it is there, and a setting in the settings', async (t) => {
  const there = await write(join(await temporary(t), 'there.json'), '{}');
  const called: (string | undefined)[] = [];
  const before = commands.executeCommand;
  commands.executeCommand = async (name, uri) => void called.push(name, uri.fsPath);
  t.after(() => (commands.executeCommand = before));
  const titles = async (data: Partial<ErrorData>): Promise<string[]> => {
    const shown = new Promise<string[]>((resolve) => {
      fake.choose = (buttons) => (resolve(buttons.map(({ title }) => title)), buttons[0]);
    });
    createNotices(log, () => undefined).error(new HostError({ kind: 'input', message: 'cannot be written.', ...data }));
    const found = await shown;
    await nextTurn();
    return found;
  };
  assert.deepEqual(await titles({ place: there }), ['Open there.json, line 1']);
  assert.deepEqual(await titles({ place: join(dirname(there), 'label.json') }), []);
  assert.deepEqual(called.splice(0), ['vscode.open', there]);
  assert.deepEqual(await titles({ code: 'setting', place: 'securityVectors.threads' }), ['Open the settings']);
  assert.deepEqual(called, ['workbench.action.openSettings', undefined]);
});

test('where there is no folder, model or vector, the message opens, adds or trains one', async (t) => {
  const called: string[] = [];
  const before = commands.executeCommand;
  commands.executeCommand = async (name) => void called.push(name);
  t.after(() => (commands.executeCommand = before));
  fake.choose = ([first]) => first;
  const notices = createNotices(log, () => undefined);
  for (const none of [noFolder(), noModel(), noVector('tiny')]) {
    notices.error(none);
    await sleep(10);
  }
  assert.deepEqual(called, ['vscode.openFolder', 'securityVectors.addModel', 'securityVectors.trainVector']);
});

test('an engine that was given up can be tried again, whatever the remedy is', async () => {
  let again = 0;
  const notices = createNotices(log, () => void again++);
  fake.choose = (buttons) => buttons.at(-1);
  const data = { kind: 'failed' as const, message: 'the engine ended.' };
  notices.error(new HostError({ ...data, code: 'crashed', remedy: 'Lesen Sie das Protokoll.' }));
  await nextTurn();
  assert.equal(again, 1);
  notices.error(new HostError({ ...data, remedy: 'Wait, then choose "Try again".' }));
  await nextTurn();
  assert.equal(again, 1);
});

test('text of files becomes no link in any notification, progress or dialog: a link can run a command', async () => {
  const link = '[x](command:workbench.action.terminal.new)';
  fake.choose = () => undefined;
  fake.said.length = fake.asked.length = 0;
  const notices = createNotices(log, () => undefined);
  notices.info(link);
  notices.warn(link);
  notices.error(new HostError({ kind: 'input', message: link, place: link, remedy: link }));
  await isAgreed(link, link, 'Yes');
  await withProgress(link, async (report) => report(link));
  const texts = [...fake.said, ...fake.asked.flatMap(({ message, detail }) => [message, detail ?? ''])];
  assert.equal(texts.length, 8);
  for (const text of texts) assert.doesNotMatch(text, /\]\(/);
});

test('an error without a place begins as a sentence does, but for a name', () => {
  const said = (message: string, place?: string): string => describe(inputError(message, { place }).data);
  assert.equal(said('there is no run yet.'), 'There is no run yet.');
  assert.equal(said('l’adaptateur a disparu.'), 'L’adaptateur a disparu.');
  assert.equal(said('this is not JSON.', 'x.json:7'), 'x.json:7: this is not JSON.');
  for (const name of ['tiny-assistant', 'gpt2', 'train.jsonl', '"a"'])
    assert.equal(said(`${name} is gone.`), `${name} is gone.`);
});
