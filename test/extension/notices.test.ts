/** The buttons of a message are known by what they are, not by what they are called in some language. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type * as vscode from 'vscode';
import { HostError } from '../../extension/host/errors.js';
import { fake } from './fake/vscode.js';

const { createNotices } = await import('../../extension/host/notices.js');
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
