/**
 * The host's end of the page that compares runs; when the page of a run counts as seen; and what two quick clicks open.
 */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type * as vscode from 'vscode';
import { fill } from '../../runtime/contract/format.js';
import { percent, useTranslations } from '../../extension/host/text.js';
import { RunStore } from '../../extension/runs/store.js';
import { fake, Uri, window } from './fake/vscode.js';
import { runFolder, sample, step, temporary } from './support.js';

const { ComparePanels } = await import('../../extension/panels/comparePanel.js');
const { ChatPanels } = await import('../../extension/panels/chatPanel.js');
const { RunPanels } = await import('../../extension/panels/runPanel.js');
const extension = Uri.file('/extension') as unknown as vscode.Uri;

/** What was begun meanwhile is done. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await nextTurn();
}

async function page(t: TestContext, ...names: string[]) {
  const root = await temporary(t);
  const folders: string[] = [];
  for (const name of names)
    folders.push(await runFolder(root, name, { events: [step(1), step(2)], answers: [sample('plain', 1, 'refused')] }));
  const store = new RunStore();
  const told: string[] = [];
  const opened: string[] = [];
  const panels = new ComparePanels(extension, store, {
    openRun: (folder) => opened.push(folder),
    notices: { info: (message) => void told.push(message) },
    onBug: assert.ifError,
  });
  t.after(() => panels.dispose());
  panels.show(folders);
  return { root, folders, store, told, opened, panel: fake.panels.at(-1)! };
}

test('a page is sent its runs in the order of the selection, each as a message of its own', async (t) => {
  const { folders, panel, opened } = await page(t, 'b', 'a');
  assert.equal(panel.title, '2 runs compared');
  assert.deepEqual(await panel.request({ type: 'ready' }), { kind: 'result' });
  const sent = panel.events() as { type: string; of: string[]; run: { id: string; title: string } }[];
  assert.deepEqual(
    sent.map(({ type, run }) => [type, run.id, run.title]),
    [
      ['run', folders[0], 'b, plain'],
      ['run', folders[1], 'a, plain'],
    ],
  );
  for (const { of } of sent) assert.deepEqual(of, folders);
  await panel.request({ type: 'openRun', run: folders[1] });
  assert.deepEqual(opened, [folders[1]]);
  await panel.request({ type: 'openAnswers' });
  const answers = panel.events().at(-1) as { total: number; rows: { answers: { state: string }[] }[] };
  assert.equal(answers.total, 1);
  assert.deepEqual(
    answers.rows[0]!.answers.map(({ state }) => state),
    ['b, plain', 'a, plain'],
  );
});

test('a run that is gone leaves the page, and the page ends with the last', async (t) => {
  const { folders, panel, store } = await page(t, 'a', 'b');
  await panel.request({ type: 'ready' });
  await rm(folders[0]!, { recursive: true });
  store.forget(folders[0]!);
  assert.deepEqual(panel.events().at(-1), { type: 'runs', of: [folders[1]] });
  assert.equal(panel.title, '1 runs compared', 'as the page itself says');
  store.forget(folders[1]!);
  assert.equal(panel.isDisposed, true);
});

test('a run at work is drawn again while it goes on, however fast its steps come', async (t) => {
  const { folders, panel, store } = await page(t, 'a', 'b');
  await panel.request({ type: 'ready' });
  const run = store.get(folders[0]!)!;
  const before = panel.events().length;
  t.mock.timers.enable({ apis: ['setTimeout'] });
  for (let k = 3; k < 33; k++) {
    store.append(run, [step(k)]);
    t.mock.timers.tick(100);
    await turns();
  }
  const sent = panel.events().slice(before) as { run: { id: string } }[];
  // Each second the one that goes on, and no other.
  assert.deepEqual(
    sent.map((event) => event.run.id),
    [folders[0], folders[0], folders[0]],
  );
});

test('runs that are all gone are an error for the page, with what to do', async (t) => {
  const { folders, panel } = await page(t, 'a');
  await rm(folders[0]!, { recursive: true });
  const outcome = (await panel.request({ type: 'ready' })) as { kind: string; error: { message: string } };
  assert.equal(outcome.kind, 'error');
  assert.match(outcome.error.message, /are gone/);
});

test('what the page makes is written where the person says, and nowhere else', async (t) => {
  const { root, panel, told } = await page(t, 'a');
  fake.saveTo = undefined;
  assert.deepEqual(await panel.request({ type: 'save', format: 'csv', content: 'a,b' }), { kind: 'cancelled' });
  fake.saveTo = join(root, 'out.csv');
  assert.deepEqual(await panel.request({ type: 'save', format: 'csv', content: 'a,b' }), { kind: 'result' });
  assert.equal(await readFile(fake.saveTo, 'utf8'), 'a,b');
  fake.saveTo = join(root, 'out.png');
  await panel.request({ type: 'save', format: 'png', content: Buffer.from([1, 2, 255]).toString('base64') });
  assert.deepEqual([...(await readFile(fake.saveTo))], [1, 2, 255]);
  assert.deepEqual(told, ['out.csv was written.', 'out.png was written.']);
});

test('the page of a run is seen only while the window has the focus', async (t) => {
  const root = await temporary(t);
  const folder = await runFolder(root, 'a', {});
  const panels = new RunPanels(extension, new RunStore(), {} as ConstructorParameters<typeof RunPanels>[2]);
  t.after(() => panels.dispose());
  assert.equal(panels.isVisible(folder), false);
  await panels.show(folder);
  assert.equal(panels.isVisible(folder), true);
  window.state.focused = false;
  t.after(() => (window.state.focused = true));
  assert.equal(panels.isVisible(folder), false);
});

test('two quick clicks on a run show one page', async (t) => {
  const folder = await runFolder(await temporary(t), 'a', {});
  const panels = new RunPanels(extension, new RunStore(), {} as ConstructorParameters<typeof RunPanels>[2]);
  t.after(() => panels.dispose());
  fake.panels = [];
  await Promise.all([panels.show(folder), panels.show(folder)]);
  assert.equal(fake.panels.length, 1);
});

test('two quick clicks on a model show one chat', async (t) => {
  const services = {
    extension,
    models: { onDidChange: () => ({ dispose: () => undefined }), get: () => undefined },
    memento: { get: (_: string, empty: unknown) => empty },
    actions: { states: () => [], vector: () => undefined },
  };
  const panels = new ChatPanels(services as unknown as ConstructorParameters<typeof ChatPanels>[0]);
  t.after(() => panels.dispose());
  fake.panels = [];
  await Promise.all([panels.show('/w/m'), panels.show('/w/m')]);
  assert.equal(fake.panels.length, 1);
});

test('where there is no translation a page is English, in its numbers, too, and read from the left', async (t) => {
  t.after(() => useTranslations({ t: fill }, 'en'));
  const { panel } = await page(t, 'a', 'b');
  const language = async (): Promise<unknown> => {
    await panel.request({ type: 'ready' });
    return panel.events().at(-1)!['language'];
  };
  useTranslations({ t: fill }, 'ar');
  assert.deepEqual([await language(), percent(0.123)], ['en', '12.3\u00a0%']);
  useTranslations({ t: fill, bundle: {} }, 'de');
  assert.deepEqual([await language(), percent(0.123)], ['de', '12,3\u00a0%']);
});
